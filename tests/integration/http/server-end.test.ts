import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { setImmediate as turn, setTimeout as later } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { dial, fill, get, HOST, post, readAll, serve, statuses } from "#tests/support/node-server.ts";
import { sendRaw } from "#tests/support/raw-requests.ts";

describe("at the server's end", () => {
  const big = "x".repeat(12 << 20);

  test.for([
    ["under way", 0, ""],
    ["not flushed", 100, ""],
    ["not flushed, with a request after it", 100, post("B")],
  ] as const)("an answer that is %s reaches its peer whole", async ([, afterMs, behind]) => {
    const { server, port } = await serve();
    let answered = false;
    server.get("/big", async () => {
      await later(50);
      answered = true;
      return { status: 200, body: big };
    });
    const socket = await dial(port);
    let begun = 0;
    const count = (): void => void (begun += 1);
    subscribe("http.server.request.start", count);
    socket.write(get("/big") + behind);
    await expect.poll(() => begun).toBeGreaterThan(0);
    unsubscribe("http.server.request.start", count);
    if (afterMs > 0) await expect.poll(() => answered).toBe(true);
    await later(afterMs);
    const closed = server.close();
    await turn();
    const text = await readAll(socket);
    expect(text.split("x".repeat(1_000)).length).toBeGreaterThan((12 << 20) / 1_000);
    socket.destroy();
    await closed;
  });

  test("answers queued after an unflushed one reach their peer", async () => {
    const { server, port } = await serve();
    const stuck = await fill(server, port);
    const begun = stuck.begun() + 3;
    stuck.socket.write(get("/u").repeat(3));
    await expect.poll(stuck.begun).toBe(begun);
    const closed = server.close();
    await turn();
    const text = await readAll(stuck.socket);
    expect(text.split(stuck.body).length - 1).toBe(begun);
    stuck.end();
    await closed;
  });

  test("an answer with unread bytes after it reaches its peer, and idle connections end", async () => {
    const { server, port, handled } = await serve({}, 150);
    const [idle, socket] = [await dial(port), await dial(port)];
    socket.write(post("A"));
    await expect.poll(() => handled).toEqual(["A"]);
    socket.write(`POST /p HTTP/1.1\r\n${HOST}content-length: 5000000\r\n\r\n${"b".repeat(4_000_000)}`);
    const closed = server.close();
    expect(await readAll(idle)).toBe("");
    expect(await readAll(socket)).toMatch(/^HTTP\/1.1 202 [^]*\r\n\r\nA$/);
    idle.destroy();
    socket.destroy();
    await closed;
    expect(handled).toEqual(["A"]);
  });

  test("a body that still arrives is 503 soon", async () => {
    const service = await serve({ BODY_MS: "60000" });
    const heard = sendRaw(service, post("AB").slice(0, -1));
    await sendRaw(service, get("/health/live"), { answers: 1 });
    service.server.stopListening();
    expect(statuses(await heard)).toEqual([503]);
    expect(service.handled).toEqual([]);
  });
});
