import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bearer, head, statuses } from "#tests/support/raw-http.ts";
import { sendRaw, type RawAnswer } from "#tests/support/raw-requests.ts";
import { startStack, type Kind, type Service, type Stack } from "#tests/support/stack.ts";
import { maskedFrame } from "#tests/support/raw-transports.ts";

/** Connections: preflights of browsers, upgrades to WebSocket, and the end of idle connections. */
const KINDS = ["receiver", "director", "distributor", "console"] as const satisfies Kind[];
const ORIGIN = "https://a.example";

let stack: Stack;
const services = {} as Record<Kind, Service>;
let client: string;

beforeAll(async () => {
  stack = await startStack({
    services: [...KINDS],
    env: { DRAIN_MS: "0", ALLOWED_ORIGINS: ORIGIN, REFUSED_BURST: "100000" },
  });
  KINDS.forEach((kind, index) => (services[kind] = stack.services[index]!));
  client = await stack.token({ client: "c" });
});

afterAll(() => stack.close());

const ask = async (service: Service, bytes: string): Promise<RawAnswer> =>
  (await sendRaw(service, bytes, { answers: 1 })).answers[0]!;

describe("preflights", () => {
  const ALLOWED = ["authorization", "baggage", "cache-control", "content-type", "last-event-id", "tracestate"];
  const preflight = (path: string): string =>
    head(`OPTIONS ${path}`, `origin: ${ORIGIN}`, "access-control-request-method: GET");

  test("allow the headers that libraries send", async () => {
    for (const [kind, path] of [
      ["receiver", "/v1/notifications"],
      ["distributor", "/v1/sse"],
      ["director", "/v1/dead-letters"],
      ["console", "/v1/tenants"],
    ] as const) {
      const { status, headers } = await ask(services[kind], preflight(path));
      expect([kind, status, headers["access-control-allow-origin"]]).toEqual([kind, 204, ORIGIN]);
      expect(headers["access-control-allow-headers"]!.split(", ")).toEqual(expect.arrayContaining(ALLOWED));
    }
  });

  test("are answered during a start, and a page can read the 503", async () => {
    for (const kind of ["distributor", "director"] as const) {
      const starting = await stack.start(
        kind,
        { REDIS_URL: "redis://127.0.0.1:1", DATABASE_URL: "postgres://127.0.0.1:1/x" },
        { ready: false },
      );
      const path = kind === "distributor" ? "/v1/poll" : "/v1/dead-letters";
      const asked = await sendRaw(starting, preflight(path), { answers: 1 });
      expect([kind, asked.answers[0]]).toMatchObject([
        kind,
        { status: 204, headers: { "access-control-allow-origin": ORIGIN } },
      ]);
      expect(asked.answers[0]!.headers["access-control-allow-methods"]).toContain("GET");
      if (kind === "distributor") {
        const got = await sendRaw(starting, head(`GET ${path}`, `origin: ${ORIGIN}`), { answers: 1 });
        expect(got.answers).toMatchObject([{ status: 503, headers: { "access-control-allow-origin": ORIGIN } }]);
      }
      expect((await sendRaw(starting, head("GET /problems/busy"), { answers: 1 })).answers).toMatchObject([
        { status: 200 },
      ]);
      starting.kill("SIGKILL");
      await starting.exited;
    }
  });
});

describe("WebSocket", () => {
  const KEY = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
  const UPGRADE = ["upgrade: websocket", "connection: keep-alive, Upgrade", KEY, "sec-websocket-version: 13"];
  const without = (name: string): string[] => UPGRADE.filter((one) => !one.startsWith(name));

  /** The status line and headers of a connection that may stay open. */
  function opened(bytes: string): Promise<string> {
    const { hostname, port } = new URL(services.distributor.url);
    const socket = connect(Number(port), hostname);
    socket.write(bytes, "latin1");
    let said = "";
    return new Promise((done, failed) => {
      socket.once("error", failed).on("data", (data: Buffer) => {
        said += data.toString("latin1");
        // The head of the answer may come in parts.
        if (!said.includes("\r\n\r\n")) return;
        socket.destroy();
        done(said);
      });
      socket.once("close", () => done(said));
    });
  }

  test.for([
    ["a plain GET", () => []],
    ["without Upgrade", () => without("upgrade")],
    ["an upgrade to another protocol", () => [...without("upgrade"), "upgrade: h2c"]],
    ["without Connection", () => without("connection")],
    ["version 8", () => [...without("sec-websocket-version"), "sec-websocket-version: 8"]],
    ["no version", () => without("sec-websocket-version")],
    ["two versions", () => [...UPGRADE, "sec-websocket-version: 8"]],
  ] as const)("R8: %s is 426, with the protocol to upgrade to", async ([, headers]) => {
    const answer = await ask(services.distributor, head("GET /v1/ws", bearer(client), ...headers()));
    expect(answer).toMatchObject({
      status: 426,
      headers: { upgrade: "websocket", connection: "upgrade", "sec-websocket-version": "13" },
    });
  });

  test.for([
    ["a short key", [...without("sec-websocket-key"), "sec-websocket-key: AAAA"]],
    ["a key that is no base64", [...without("sec-websocket-key"), "sec-websocket-key: !GhlIHNhbXBsZSBub25jZQ=="]],
    ["no key", without("sec-websocket-key")],
    ["two keys", [...UPGRADE, KEY]],
    ["two tokens", [...UPGRADE, "sec-websocket-protocol: bearer.a, bearer.b"]],
    ["two tokens on two lines", [...UPGRADE, "sec-websocket-protocol: bearer.a", "sec-websocket-protocol: bearer.b"]],
  ] as const)("%s is 400", async ([, headers]) => {
    expect(await ask(services.distributor, head("GET /v1/ws", ...headers))).toMatchObject({ status: 400 });
  });

  test("different tokens in Authorization and in a subprotocol are 400", async () => {
    const bytes = head("GET /v1/ws", ...UPGRADE, bearer(client), "sec-websocket-protocol: bearer.x");
    expect(await ask(services.distributor, bytes)).toMatchObject({ status: 400 });
  });

  test("subprotocols may use several header lines", async () => {
    const lines = ["sec-websocket-protocol: notifications.v1.json", `sec-websocket-protocol: bearer.${client}`];
    for (const order of [lines, lines.toReversed()]) {
      const said = await opened(head("GET /v1/ws", ...UPGRADE, ...order));
      expect(said).toMatch(/^HTTP\/1.1 101/);
      expect(said.toLowerCase()).toContain("sec-websocket-protocol: notifications.v1.json");
    }
  });

  test("text that is not UTF-8 ends the WebSocket", async () => {
    const { hostname, port } = new URL(services.distributor.url);
    const socket = connect(Number(port), hostname);
    socket.write(head("GET /v1/ws", ...UPGRADE, bearer(client)));
    await new Promise((done) => socket.once("data", done));
    socket.write(maskedFrame(1, Buffer.from([0x22, 0xc3, 0x28, 0x22])));
    await new Promise((done) => socket.resume().once("close", done));
    expect(socket.destroyed).toBe(true);
  });
});

describe("idle connections", () => {
  test("KEEP_ALIVE_MS and HEAD_MS are Node's timeouts", async () => {
    const quick = await stack.start("receiver", { KEEP_ALIVE_MS: "1000", HEAD_MS: "1000" });
    const began = performance.now();
    const [idle, half] = await Promise.all([
      sendRaw(quick, head("GET /health/live")),
      sendRaw(quick, "GET / HTTP/1.1\r\n"),
    ]);
    expect([statuses(idle), idle.closed, statuses(half)]).toEqual([[200], true, [408]]);
    expect(performance.now() - began).toBeLessThan(8_000);
    await quick.stop();
  });

  test("a distributor without KEEP_ALIVE ends each answer's connection", async () => {
    const closing = await stack.start("distributor", { KEEP_ALIVE: "false" });
    for (const [line, status] of [
      ["GET /health/live", 200],
      ["HEAD /health/live", 200],
      ["GET /nothing", 404],
      ["GET /v1/poll?wait=0", 200],
    ] as const) {
      const method = line.split(" ")[0]!;
      const { answers, closed } = await sendRaw(closing, head(line, bearer(client)), { methods: [method] });
      expect([line, answers.map((one) => [one.status, one.headers["connection"]]), closed]).toEqual([
        line,
        [[status, "close"]],
        true,
      ]);
    }
    await closing.stop();
  });
});
