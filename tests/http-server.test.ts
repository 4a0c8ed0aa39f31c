import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn, setTimeout as later } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Authority } from "./certificates.ts";
import { say, type Heard } from "./raw.ts";
import { Health } from "../shared/health.ts";
import { HttpServer } from "../shared/http.ts";
import { createLog } from "../shared/log.ts";
import { createRegistry } from "../shared/metrics.ts";
import type { Reply } from "../shared/reply.ts";
import { nodeServerSettings, readSettings } from "../shared/settings.ts";

/** The server of the services on Node, in this process: what it handles is seen, and what Node reads. */
let folder: string;
let handled: string[];
const servers: HttpServer[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "http-"));
});

afterAll(() => rmSync(folder, { recursive: true }));

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const accepted = (body: string): Reply => ({ status: 202, headers: { "content-type": "text/plain" }, body });

async function serve(env: Record<string, string> = {}, handlerMs = 50) {
  handled = [];
  const registry = createRegistry("test");
  const settings = readSettings(nodeServerSettings, { SOCKET_RATE: "1000000", SOCKET_BURST: "1000000", ...env });
  const server = new HttpServer({ health: new Health([]), registry, log: createLog("test", "silent"), settings });
  servers.push(server);
  server.post("/p", 1 << 20, async (_, body) => {
    handled.push(body.toString());
    await later(handlerMs);
    return accepted(body.toString());
  });
  const port = await server.listen("127.0.0.1", 0);
  const cut = async (reason: string): Promise<number> =>
    Number(
      new RegExp(`^http_connections_cut_total\\{reason="${reason}".*\\} (\\d+)$`, "m").exec(
        await registry.metrics(),
      )?.[1] ?? 0,
    );
  return { server, url: `http://127.0.0.1:${port}`, port, cut };
}

const HOST = "host: x\r\n";
const post = (body: string, headers = "", version = "1.1"): string =>
  `POST /p HTTP/${version}\r\n${HOST}content-length: ${body.length}\r\n${headers}\r\n${body}`;
const get = (path: string, headers = ""): string => `GET ${path} HTTP/1.1\r\n${HOST}${headers}\r\n`;
const statuses = ({ answers }: Heard): number[] => answers.map(({ status }) => status);

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket.pause();
}

const ended = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => socket.once("end", resolve).once("close", resolve));

async function readAll(socket: Socket): Promise<string> {
  let text = "";
  for await (const bytes of socket.setEncoding("latin1")) text += bytes;
  return text;
}

/** A connection whose peer does not read: the kernel takes no more, and less waits in the process than what Node pauses at. */
async function fill(server: HttpServer, port: number) {
  const body = "x".repeat(30_000);
  server.get("/u", () => ({ status: 200, body }));
  let begun = 0;
  let peer: Socket | undefined;
  const see = (message: unknown): void => {
    begun += 1;
    ({ socket: peer } = message as { socket: Socket });
  };
  subscribe("http.server.request.start", see);
  const socket = await dial(port);
  const unread = (): number => peer?.writableLength ?? 0;
  const hasBegun = (): number => begun;
  while (unread() === 0) {
    const before = hasBegun() + 1;
    socket.write(get("/u"));
    while (hasBegun() < before) await turn();
    await turn();
  }
  const end = (): void => {
    unsubscribe("http.server.request.start", see);
    socket.destroy();
  };
  return { socket, begun: hasBegun, end, body };
}

describe("nothing is handled behind a request that ends its connection", () => {
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
        handled = [];
        const heard = await say(service, pieces);
        expect([handled, statuses(heard), heard.closed]).toEqual([["A"], [202], true]);
      }
    },
  );

  test("HTTP/1.0 behind an answer without a length", async () => {
    const keep = "connection: keep-alive\r\n";
    const heard = await say(await serve(), `OPTIONS * HTTP/1.0\r\n${keep}\r\n${post("A", keep, "1.0")}`);
    expect([handled, statuses(heard), heard.closed]).toEqual([[], [204], true]);
  });

  test("a peer that does not read such an answer is not read either", async () => {
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

test("over TLS, a client that ends its side behind its request reads the answer", async () => {
  const ours = new Authority(folder, "ours");
  const { cert, key } = ours.certify("server");
  const service = await serve({ TLS_CERT: cert, TLS_KEY: key });
  expect(statuses(await say(service, post("A") + post("B"), { half: true, ca: ours.ca }))).toEqual([202, 202]);
});

describe("a peer that reads slowly", () => {
  test("gets the answers to all that it sent, in their order", async () => {
    const { port } = await serve({}, 0);
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
    // The kernel takes some MB. One more waits for it then.
    await expect.poll(() => begun - finished).toBeGreaterThan(10);
    expect((await readAll(socket)).length).toBeGreaterThan(129 * body.length);
    unsubscribe("http.server.response.finish", count);
    expect(most).toBeLessThan(22);
  });
});

test("a head that was not read because earlier requests took long is not late", async () => {
  const service = await serve({}, 130);
  const bytes = post("A", `pad: ${"q".repeat(500)}\r\n`).repeat(125);
  expect(statuses(await say(service, bytes, { answers: 125 }))).toEqual(Array(125).fill(202));
});

test("a head that stops behind a request in work is late once that is answered", async () => {
  const heard = await say(await serve({}, 11_500), `${post("A")}POST /p HTTP/1.1\r\n`, { deadlineMs: 60_000 });
  expect(statuses(heard)).toEqual([202, 408]);
});

describe("limits are counted", () => {
  test("waiting requests", async () => {
    const service = await serve({}, 5);
    const heard = await say(service, post("").repeat(1_000));
    // The first, and those that wait.
    expect([statuses(heard), await service.cut("pipelined")]).toEqual([Array(129).fill(202), 1]);
  });

  test("bytes and time behind the last answer", async () => {
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

describe("at the end", () => {
  const big = "x".repeat(12 << 20);

  test.for([
    ["under way", 0, ""],
    ["not flushed", 100, ""],
    ["not flushed, with a request behind it", 100, post("B")],
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

  test("answers that wait behind one that is not flushed reach their peer", async () => {
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

  test("an answer with unread bytes behind it reaches its peer, and idle connections end", async () => {
    const { server, port } = await serve({}, 150);
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
    const heard = say(service, post("AB").slice(0, -1));
    await say(service, get("/health/live"), { answers: 1 });
    service.server.stopListening();
    expect(statuses(await heard)).toEqual([503]);
    expect(handled).toEqual([]);
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
  service.server.post("/guarded", 100, () => accepted(handled.push("guarded").toString()), guard);
  const heard = await say(service, post("AB").replace("/p", "/guarded").slice(0, -1));
  expect([statuses(heard), handled]).toEqual([[500], []]);
});

test("an answer that cannot be sent is a 500 by name and by number", async () => {
  const service = await serve();
  service.server.get("/bad", () => ({ status: 202, headers: { x: "a\r\nb" } }));
  const { answers } = await say(service, get("/bad"), { answers: 1 });
  expect(answers).toMatchObject([{ status: 500, reason: "Internal Server Error" }]);
});

test("answers to malformed requests have a date, vary by origin, and say what is too large", async () => {
  const service = await serve({ ALLOWED_ORIGINS: "https://a.example" });
  const { answers } = await say(service, "\0\0");
  expect(answers).toMatchObject([{ status: 400, headers: { vary: "origin", date: expect.stringMatching(/GMT$/) } }]);
  const chunked = `POST /p HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n`;
  const long = "a".repeat(20_000);
  for (const bytes of [`1;${long}\r\nx\r\n0\r\n\r\n`, `1\r\nx\r\n0\r\nt: ${long}\r\n\r\n`]) {
    const heard = await say(service, chunked + bytes);
    expect([statuses(heard), heard.answers[0]!.body]).toEqual([[431], expect.stringContaining("trailers")]);
  }
});
