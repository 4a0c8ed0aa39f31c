import { connect, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { maskedFrame } from "#tests/support/raw-transports.ts";
import { unnamed } from "#tests/support/unnamed.ts";

let stack: Stack;
let distributor: Service;
let publisher: Publisher;
/** A correct client that must not notice the others. */
let bystander: Subscriber;

beforeAll(async () => {
  stack = await startStack({ services: ["receiver", "director", "distributor"], env: { DRAIN_MS: "0" } });
  distributor = stack.services[2]!;
  publisher = await Publisher.of(stack);
});

beforeEach(async ({ task }) => {
  bystander = await Subscriber.of(stack, { client: `bystander-${task.id}`, transport: "websocket" });
  await bystander.connect(distributor);
});

afterEach(async () => {
  await publisher.number(bystander.client);
  await bystander.all(publisher);
  await bystander.close();
});

afterAll(() => stack.close());

interface Answer {
  status: number;
  type: string | null;
  allow: string | null;
  body: { type?: string; status?: number; errors?: unknown };
}

async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${distributor.url}${path}`, init);
  const text = await response.text();
  const { status, headers } = response;
  return { status, type: headers.get("content-type"), allow: headers.get("allow"), body: text ? JSON.parse(text) : {} };
}

function expectProblem({ status, type, body }: Answer, expected: number, slug: string): void {
  expect({ status, type, problem: body.type, told: body.status }).toEqual({
    status: expected,
    type: "application/problem+json",
    problem: `/problems/${slug}`,
    told: expected,
  });
}

const bearer = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });

describe("R2: a refused caller gets 403 and learns nothing; the log has one line for each, without the token", () => {
  const PATHS = ["/v1/ws", "/v1/sse", "/v1/poll?wait=0", "/v1/acks"];

  test.for(PATHS)("%s", async (path) => {
    const good = await stack.token({ client: "u1" });
    const [head, claims, signature] = good.split(".") as [string, string, string];
    const tokens: Record<string, string> = {
      "no token": "",
      "no JWT": "abc",
      "another scope": await stack.token({ client: "u1", scope: "publish" }),
      "a publisher's": await stack.token({ publisher: "p1" }),
      expired: await stack.token({ client: "u1", ttl: -3_600 }),
      "no client id": await stack.token({ client: "two words" }),
      "no tenant id": await stack.token({ client: "u1", tenant: "a/b" }),
      "another signature": `${head}.${claims}.${signature.split("").toReversed().join("")}`,
      "other claims": `${head}.${Buffer.from('{"tenant":"acme","sub":"u1","scope":"subscribe"}').toString("base64url")}.${signature}`,
      "no signature": `${Buffer.from('{"alg":"none"}').toString("base64url")}.${claims}.`,
      long: "x".repeat(3_000),
    };
    const answers: unknown[] = [];
    for (const token of Object.values(tokens)) {
      const before = distributor.logs.length;
      if (path === "/v1/ws") {
        expect(await upgrade(token)).toBe(403);
      } else {
        const init = token === "" ? {} : bearer(token);
        const answer = await ask(path, path === "/v1/acks" ? { ...init, method: "POST", body: "{}" } : init);
        expectProblem(answer, 403, "forbidden");
        answers.push(answer.body);
      }
      const lines = await forbiddenSince(before);
      expect(lines).toMatchObject([{ level: "warn", path: path.split("?")[0], why: expect.any(String) }]);
      if (token !== "") expect(JSON.stringify(distributor.logs)).not.toContain(token);
    }
    expect(new Set(answers.map(unnamed)).size).toBeLessThanOrEqual(1);
    expect(JSON.stringify(distributor.logs)).not.toContain(signature);
  });

  test("a head larger than any token is 431", async () => {
    expectProblem(await ask("/v1/poll", bearer("x".repeat(20_000))), 431, "too-large");
  });

  async function forbiddenSince(from: number): Promise<object[]> {
    const since = () => distributor.logs.slice(from).filter(({ msg }) => msg === "forbidden");
    await expect.poll(since).not.toEqual([]);
    return since();
  }
});

/** The status of a WebSocket's opening handshake. */
async function upgrade(token: string): Promise<number> {
  const { hostname, port, host } = new URL(distributor.url);
  const socket = connect(Number(port), hostname);
  const authorization = token === "" ? "" : `authorization: Bearer ${token}\r\n`;
  const key = "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  socket.write(
    `GET /v1/ws HTTP/1.1\r\nhost: ${host}\r\nconnection: upgrade\r\nupgrade: websocket\r\n${key}${authorization}\r\n`,
  );
  const answer = await new Promise<Buffer>((done, failed) => socket.once("data", done).once("error", failed));
  socket.destroy();
  return Number(answer.toString("latin1").split(" ")[1]);
}

describe("R8: a bad connection request is answered with a problem", () => {
  test.for(["-1", "61", "abc", "", "1e9", "NaN", "Infinity", "0x10"])("wait=%s is 400", async (wait) => {
    expectProblem(
      await ask(`/v1/poll?wait=${wait}`, bearer(await stack.token({ client: "u1" }))),
      400,
      "invalid-request",
    );
  });

  test("GET /v1/ws without an upgrade is 426, with and without a token", async () => {
    expectProblem(await ask("/v1/ws"), 426, "upgrade-required");
    expectProblem(await ask("/v1/ws", bearer(await stack.token({ client: "u1" }))), 426, "upgrade-required");
  });

  test.for(["/", "/v1", "/v1/ws/", "/v2/poll", "/%00", "/v1/%2e%2e/poll", "/metrics/x"])(
    "GET %s is 404",
    async (path) => {
      expectProblem(await ask(path, bearer(await stack.token({ client: "u1" }))), 404, "not-found");
    },
  );

  test.for([
    ["DELETE", "/v1/sse", "GET, HEAD"],
    ["DELETE", "/v1/poll", "GET, HEAD"],
    ["PUT", "/v1/ws", "GET, HEAD"],
    ["GET", "/v1/acks", "POST"],
    ["POST", "/health/live", "GET, HEAD"],
  ] as const)("%s %s is 405, and lists the allowed methods", async ([method, path, allow]) => {
    const answer = await ask(path, { method });
    expectProblem(answer, 405, "method-not-allowed");
    expect(answer.allow).toBe(allow);
  });
});

describe("R22: an acknowledgement without a cursor of this client is 400, and settles nothing", () => {
  const BODIES = [
    "",
    "{",
    "[]",
    "null",
    "{}",
    '{"cursor":1}',
    '{"cursor":""}',
    '{"cursor":"x"}',
    `{"cursor":"${"0".repeat(25)}"}`,
    `{"cursor":"${"0".repeat(19)}abcdef","more":1}`,
    '{"cursor":"\\u0000"}',
    "\xff",
  ];

  test.for(BODIES)("%s", async (body) => {
    const init = { ...bearer(await stack.token({ client: "u1" })), method: "POST", body };
    const answer = await ask("/v1/acks", init);
    expectProblem(answer, 400, "invalid-request");
    expect(answer.body.errors).toMatchObject([{ pointer: "/cursor" }]);
  });

  test("another client's cursor", async () => {
    await publisher.number("owner", 2);
    const owner = await Subscriber.of(stack, { client: "owner", transport: "sse", acknowledge: "manual" });
    await owner.connect(distributor);
    await owner.all(publisher);
    const init = { ...bearer(await stack.token({ client: "u1" })), method: "POST" };
    expectProblem(
      await ask("/v1/acks", { ...init, body: JSON.stringify({ cursor: owner.cursor }) }),
      400,
      "invalid-request",
    );
    await owner.close();
  });

  test("a body over the limit is 413", async () => {
    const init = { ...bearer(await stack.token({ client: "u1" })), method: "POST", body: "x".repeat(5_000) };
    expectProblem(await ask("/v1/acks", init), 413, "too-large");
  });
});

describe("R20: a frame outside the protocol ends the WebSocket with 4001", () => {
  const FRAMES = [
    "",
    "{",
    "null",
    "[]",
    "1",
    '"ack"',
    "{}",
    '{"type":"ack"}',
    '{"type":"nack","cursor":"x"}',
    '{"type":"ack","cursor":"x"}',
    '{"type":"ack","cursor":7}',
    '{"type":"ack","cursor":"x","more":1}',
    '{"type":"refresh"}',
    '{"type":"notification"}',
    '{"type":"__proto__"}',
    `{"type":"ack","cursor":"${"0".repeat(19)}abcdef"}`,
  ];

  test.for(FRAMES)("%s", async (text) => {
    const { end, frames } = await ended((subscriber) => subscriber.say(text));
    expect(end).toEqual({ code: 4001, reason: "Invalid frame" });
    expect(frames.at(-1)).toMatchObject({ type: "closing", code: 4001, reconnect: "no" });
  });

  test("a binary frame", async () => {
    const { end } = await ended((subscriber) =>
      subscriber.write(maskedFrame(2, Buffer.from('{"type":"ack","cursor":"x"}'))),
    );
    expect(end).toMatchObject({ code: 4001 });
  });

  test("a frame over frameBytes ends the WebSocket without a close", async () => {
    const { end } = await ended((subscriber) => subscriber.say(`"${"x".repeat(16_384)}"`));
    expect(end).toEqual({});
  });

  test.for([
    ["with reserved bits", maskedFrame(0x41, Buffer.from("{}"))],
    ["that is not UTF-8", maskedFrame(1, Buffer.from([0xff, 0xfe]))],
    ["that continues no message", maskedFrame(0, Buffer.from("{}"))],
  ] as const)("a frame %s ends the WebSocket, in the library's own way", async ([, bytes]) => {
    const { end } = await ended((subscriber) => subscriber.write(bytes));
    expect([undefined, 1002, 1006, 1007, 4001]).toContain(end?.code);
  });

  test.for([
    ["of another client", () => stack.token({ client: "somebody" })],
    ["of another tenant", (client: string) => stack.token({ client, tenant: "other" })],
    ["that is malformed", () => Promise.resolve("x.y.z")],
    ["for publishing", () => stack.token({ publisher: "p1" })],
  ] as const)("a refresh with a token %s ends the WebSocket with 4003", async ([, token]) => {
    const { end, frames } = await ended(async (subscriber) => {
      subscriber.say(JSON.stringify({ type: "refresh", token: await token(subscriber.client) }));
    });
    expect(end).toMatchObject({ code: 4003 });
    expect(frames.at(-1)).toMatchObject({ type: "closing", code: 4003, reconnect: "no" });
  });

  async function ended(act: (subscriber: Subscriber) => void | Promise<void>): Promise<Subscriber> {
    const subscriber = await Subscriber.of(stack, { client: "rude", transport: "websocket" });
    await subscriber.connect(distributor);
    await act(subscriber);
    await subscriber.until("it is ended", () => !subscriber.open);
    return subscriber;
  }
});

test("bytes that are not HTTP are cut off, and an endless request delays no other", async () => {
  const { hostname, port } = new URL(distributor.url);
  const open = (bytes: string): Socket => {
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {});
    socket.write(bytes, "latin1");
    return socket;
  };
  const endless = ["\x00\xff\x00", "POST /v1/acks HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"].map(open);
  for (const bytes of [
    `GET /${"x".repeat(100_000)} HTTP/1.1\r\n\r\n`,
    `GET / HTTP/1.1\r\nx: ${"y".repeat(100_000)}\r\n\r\n`,
  ]) {
    const socket = open(bytes);
    await new Promise((done) => socket.once("close", done).resume());
  }
  expect((await ask("/health/live")).status).toBe(200);
  for (const socket of endless) socket.destroy();
});
