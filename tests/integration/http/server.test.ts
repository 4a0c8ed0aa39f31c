import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtempSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { guarded } from "@saasaparilla/shared/http/body-guard.ts";
import { Authority } from "#tests/support/certificates.ts";
import { accepted, dial, ended, fill, get, HOST, post, readAll, serve, statuses } from "#tests/support/node-server.ts";
import { sendRaw } from "#tests/support/raw-requests.ts";

describe("no request is handled after a request that ends its connection", () => {
  const evil = post("SMUGGLED");
  const hollow = `POST /p HTTP/1.1\r\n${HOST}content-length: ${evil.length}\r\n\r\n`;

  test.for(["connection: upgrade\r\nupgrade: h2c\r\n", "proxy-connection: upgrade\r\nupgrade: websocket\r\n"])(
    "%j",
    async (offer) => {
      const service = await serve();
      for (const pieces of [
        [post("A", offer) + hollow, evil],
        [post("A", offer) + post("B")],
        [post("A", offer), evil],
      ]) {
        const heard = await sendRaw(service, pieces);
        expect([service.handled.splice(0), statuses(heard), heard.closed]).toEqual([["A"], [202], true]);
      }
    },
  );

  test("HTTP/1.0 after an answer without a length", async () => {
    const keep = "connection: keep-alive\r\n";
    const service = await serve();
    const heard = await sendRaw(service, `OPTIONS * HTTP/1.0\r\n${keep}\r\n${post("A", keep, "1.0")}`);
    expect([service.handled, statuses(heard), heard.closed]).toEqual([[], [204], true]);
  });

  test("the server stops reading from a peer that does not read such an answer", async () => {
    const { server, port } = await serve();
    const stuck = await fill(server, port);
    const before = stuck.begun();
    stuck.socket.write(get("/u", "host: y\r\n"));
    await expect.poll(stuck.begun).toBe(before + 1);
    stuck.socket.write(get("/a").repeat(20_000));
    for (let at = 0; at < 1_000; at += 1) await turn();
    await readAll(stuck.socket);
    // One read.
    expect(stuck.begun() - before).toBeLessThan(5_000);
    stuck.end();
  });

  test("a socket that is already destroyed", async () => {
    const { server, port } = await serve();
    let peer: Socket | undefined;
    const see = (message: unknown): void => void ({ socket: peer } = message as { socket: Socket });
    subscribe("http.server.request.start", see);
    let begun = 0;
    server.post("/destroys", 10, async () => {
      begun += 1;
      await turn();
      peer!.destroy();
      return accepted("");
    });
    const socket = await dial(port);
    socket.resume().write(post("").replace("/p", "/destroys").repeat(3));
    await ended(socket);
    unsubscribe("http.server.request.start", see);
    expect(begun).toBe(1);
  });
});

test("a TLS client that half-closes after its request gets its answer", async () => {
  const folder = mkdtempSync(join(tmpdir(), "http-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const ours = new Authority(folder, "ours");
  const { cert, key } = ours.certify("server");
  const service = await serve({ TLS_CERT: cert, TLS_KEY: key });
  expect(statuses(await sendRaw(service, post("A") + post("B"), { half: true, ca: ours.ca }))).toEqual([202, 202]);
});

describe("a peer that reads slowly", () => {
  test("gets the answers to all its requests, in order", async () => {
    const { port, handled } = await serve({}, 0);
    const all = Array.from({ length: 2_000 }, (_, at) => String(at).padStart(3_000, "."));
    const socket = await dial(port);
    socket.write(all.map((body) => post(body.trim())).join(""));
    await expect.poll(() => handled.length).toBeGreaterThan(300);
    socket.end();
    const text = await readAll(socket);
    expect([...text.matchAll(/\.(\d+)(?=HTTP|$)/g)].map(([, at]) => Number(at))).toEqual(all.map((_, at) => at));
  });

  test("has about 1 MB of answers waiting for it", async () => {
    const { server, port } = await serve();
    const body = "x".repeat(60_000);
    let [begun, finished, most] = [0, 0, 0];
    server.get("/u", async () => {
      begun += 1;
      most = Math.max(most, begun - finished);
      await turn();
      return { status: 200, body };
    });
    const count = (): void => void (finished += 1);
    subscribe("http.server.response.finish", count);
    const socket = await dial(port);
    socket.write(get("/u").repeat(128) + get("/u", "connection: close\r\n"));
    // The kernel buffers some MB. About 1 MB more waits in the process.
    await expect.poll(() => begun - finished).toBeGreaterThan(10);
    expect((await readAll(socket)).length).toBeGreaterThan(129 * body.length);
    unsubscribe("http.server.response.finish", count);
    expect(most).toBeLessThan(22);
  });
});

test("a head is late by its own time only: not during earlier requests, but when it stops after the last answer", async () => {
  const bytes = post("A", `pad: ${"q".repeat(500)}\r\n`).repeat(125);
  const [unread, stopped] = await Promise.all([
    sendRaw(await serve({}, 130), bytes, { answers: 125 }),
    sendRaw(await serve({}, 11_500), `${post("A")}POST /p HTTP/1.1\r\n`, { deadlineMs: 60_000 }),
  ]);
  expect(statuses(unread)).toEqual(Array(125).fill(202));
  expect(statuses(stopped)).toEqual([202, 408]);
});

describe("limits are counted", () => {
  test("waiting requests", async () => {
    const service = await serve({}, 5);
    const heard = await sendRaw(service, post("").repeat(1_000));
    // The first request, and those that wait.
    expect([statuses(heard), await service.cut("pipelined")]).toEqual([Array(129).fill(202), 1]);
  });

  test("bytes and time after the last answer", async () => {
    const { port, cut } = await serve();
    const head = `POST /p HTTP/1.1\r\n${HOST}content-length: 50000000\r\n\r\n`;
    const [floods, idles] = [await dial(port), await dial(port)];
    idles.resume().write(head + "x".repeat(2 << 20));
    floods.resume().write(head + "x".repeat(30 << 20));
    await Promise.all([ended(floods), ended(idles)]);
    await expect.poll(() => cut("linger_bytes")).toBe(1);
    await expect.poll(() => cut("linger_time")).toBe(1);
    floods.destroy();
    idles.destroy();
  });
});

test.for([
  [
    "throws",
    () => {
      throw new Error("no");
    },
  ],
  ["rejects", () => Promise.reject(new Error("no"))],
] as const)("a guard that %s admits nothing", async ([, admit]) => {
  const service = await serve();
  const guard = { admit, grant: () => undefined, release: () => {} };
  service.server.post(
    "/guarded",
    100,
    guarded(guard, () => accepted(service.handled.push("guarded").toString())),
  );
  const heard = await sendRaw(service, post("AB").replace("/p", "/guarded").slice(0, -1));
  expect([statuses(heard), service.handled]).toEqual([[500], []]);
});

test("an answer that cannot be sent is a 500 by name and by number", async () => {
  const service = await serve();
  service.server.get("/bad", () => ({ status: 202, headers: { x: "a\r\nb" } }));
  const { answers } = await sendRaw(service, get("/bad"), { answers: 1 });
  expect(answers).toMatchObject([{ status: 500, reason: "Internal Server Error" }]);
});

test("answers to malformed requests have a date, vary by origin, and name an excessive size", async () => {
  const service = await serve({ ALLOWED_ORIGINS: "https://a.example" });
  const { answers } = await sendRaw(service, "\0\0");
  expect(answers).toMatchObject([{ status: 400, headers: { vary: "origin", date: expect.stringMatching(/GMT$/) } }]);
  const chunked = `POST /p HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n`;
  const long = "a".repeat(20_000);
  for (const bytes of [`1;${long}\r\nx\r\n0\r\n\r\n`, `1\r\nx\r\n0\r\nt: ${long}\r\n\r\n`]) {
    const heard = await sendRaw(service, chunked + bytes);
    expect([statuses(heard), heard.answers[0]!.body]).toEqual([[431], expect.stringContaining("trailers")]);
  }
});
