import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { maskedFrame } from "#tests/support/raw-transports.ts";
import { headFrom } from "#tests/support/raw-http.ts";

/** Attacks of one peer on a server. After each, a correct client has noticed nothing. */
let stack: Stack;
let receiver: Service;
let distributor: Service;
let publisher: Publisher;
let bystander: Subscriber;

beforeAll(async () => {
  const env = { DRAIN_MS: "0", BODY_MS: "1000", FRAME_RATE: "1", FRAME_BURST: "100" };
  stack = await startStack({ services: ["receiver", "director", "distributor"], env });
  [receiver, , distributor] = stack.services as [Service, Service, Service];
  publisher = await Publisher.of(stack);
});

beforeEach(async ({ task }) => {
  bystander = await Subscriber.of(stack, { client: `bystander-${task.id}`, transport: "sse" });
  await bystander.connect(distributor);
});

afterEach(async () => {
  await publisher.number(bystander.client);
  await bystander.all(publisher);
  await bystander.close();
});

afterAll(() => stack.close());

function open(service: Service, bytes: string | Buffer): { socket: Socket; said: () => string } {
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  let said = "";
  socket.on("error", () => {}).on("data", (data) => (said += data.toString("latin1")));
  socket.write(bytes);
  return { socket, said: () => said };
}

/** The answer, once the server has closed the connection. */
async function cut(service: Service, bytes: string | Buffer): Promise<string> {
  const { socket, said } = open(service, bytes);
  if (!socket.destroyed) await once(socket, "close");
  return said();
}

/** The head of a publish request, without its length. */
async function head(tenant: string): Promise<string> {
  const token = await stack.token({ publisher: "hostile", tenant });
  return `POST /v1/notifications HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n`;
}

describe("HTTP", () => {
  test("a silent connection, half a head, a slow head and a missing body are closed", async () => {
    const dripping = open(distributor, "GET /v1/poll HTTP/1.1\r\nhost: x\r\n").socket;
    const drip = setInterval(() => dripping.write("x: y\r\n"), 100);
    const half = "GET /v1/poll HTTP/1.1\r\nhost: x\r\n";
    const publishing = await head("acme");
    await Promise.all([
      ...["", half, `${publishing}content-length: 10\r\n\r\n`].map((bytes) => cut(receiver, bytes)),
      once(dripping, "close"),
    ]);
    clearInterval(drip);
    await expect.poll(() => scrapeMetric(receiver, "publish_requests")).toBe(0);
  });

  test("a slow body is 408, and counted", async () => {
    const before = await scrapeMetric(receiver, "http_bodies_refused_total");
    const { socket, said } = open(receiver, `${await head("acme")}content-length: 1000000\r\n\r\n{`);
    const drip = setInterval(() => socket.write("x".repeat(1_000)), 50);
    await once(socket, "close");
    clearInterval(drip);
    expect(said()).toMatch(/^HTTP\/1\.1 408 .*"type":"\/problems\/too-slow"/s);
    expect(await scrapeMetric(receiver, "http_bodies_refused_total")).toBe(before + 1);
    await expect.poll(() => scrapeMetric(receiver, "publish_requests")).toBe(0);
  });

  test("a caller who may not publish is answered before the body arrives, and takes no place", async () => {
    const small = await stack.start("receiver", { MAX_REQUESTS: "3" });
    const stranger =
      "POST /v1/notifications HTTP/1.1\r\nhost: x\r\nauthorization: Bearer x\r\ncontent-length: 9\r\n\r\n{";
    const strangers = Array.from({ length: 4 }, () => open(small, stranger));
    for (const { said } of strangers) await expect.poll(said).toMatch(/^HTTP\/1\.1 403 /);
    expect(await scrapeMetric(small, "publish_requests")).toBe(0);
    for (const { socket } of strangers) socket.destroy();
    await small.stop();
  });

  test("a tenant has bounded requests and bytes under way at one receiver; another tenant has its own", async () => {
    const small = await stack.start("receiver", {
      TENANT_REQUESTS: "2",
      TENANT_QUEUED_BYTES: "1000",
      BODY_MS: "30000",
    });
    const [own, other] = [await head("acme"), await head("other")];
    const first = open(small, `${own}content-length: 9000\r\n\r\n{${" ".repeat(800)}`);
    await expect.poll(() => scrapeMetric(small, "publish_body_bytes")).toBe(801);
    const second = open(small, `${own}content-length: 9000\r\n\r\n{${" ".repeat(800)}`);
    await expect.poll(second.said).toMatch(/^HTTP\/1\.1 429 .*"type":"\/problems\/rate-limited".*bytes in progress/s);
    const third = open(small, `${own}content-length: 9000\r\n\r\n{`);
    await expect.poll(() => scrapeMetric(small, "publish_requests")).toBe(2);
    const fourth = open(small, `${own}content-length: 9000\r\n\r\n`);
    await expect.poll(fourth.said).toMatch(/^HTTP\/1\.1 429 .*requests in progress/s);
    const another = open(small, `${other}content-length: 9000\r\n\r\n{${" ".repeat(800)}`);
    await expect.poll(() => scrapeMetric(small, "publish_requests")).toBe(3);
    for (const bound of ["bytes", "requests"])
      expect(await scrapeMetric(small, "publish_limited_total", `limit="${bound}"`)).toBe(1);
    for (const { socket } of [first, second, third, fourth, another]) socket.destroy();
    await expect.poll(() => scrapeMetric(small, "publish_requests")).toBe(0);
    await small.stop();
  });

  test.for([
    ["one header that is too long", `x: ${"y".repeat(20_000)}\r\n`, 431],
    ["too many headers", Array.from({ length: 300 }, (_, n) => `x-${n}: y\r\n`).join(""), 431],
    ["two lengths of one body", "content-length: 5\r\ntransfer-encoding: chunked\r\n", 400],
    ["two lengths that differ", "content-length: 5\r\ncontent-length: 6\r\n", 400],
    ["an unknown coding", "transfer-encoding: xchunked\r\n", 400],
  ] as const)("%s", async ([, headers, status]) => {
    for (const service of [receiver, distributor])
      expect(await cut(service, `POST /v1/acks HTTP/1.1\r\nhost: x\r\n${headers}\r\n`)).toMatch(
        new RegExp(`^HTTP/1\\.1 ${status} `),
      );
  });

  test("a compressed body stays compressed, and is 415", async () => {
    const bomb = gzipSync(Buffer.alloc(50 << 20, " "));
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    expect(await post(receiver, "/v1/notifications", bomb, headers)).toMatchObject({ status: 415 });
    const ack = gzipSync(Buffer.alloc(500_000, " "));
    expect(await post(distributor, "/v1/acks", ack, headers)).toMatchObject({ status: 415 });
  });

  test("deep JSON is refused with its place, without a stack overflow", async () => {
    const deep = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;
    const headers = { "content-type": "application/json" };
    const answer = (data: string) =>
      post(receiver, "/v1/notifications", `{"to":{"client":"u1"},"data":${data}}`, headers);
    expect(await answer(deep(60))).toMatchObject({ status: 202 });
    expect(await answer(deep(61))).toMatchObject({ status: 422, body: { errors: [{ pointer: "/data" }] } });
    expect(await answer(deep(1_000_000))).toMatchObject({ status: 422 });
    expect(await post(receiver, "/v1/notifications", deep(2_000_000), headers)).toMatchObject({ status: 400 });
    expect(await answer(`1,"event":${deep(1_000_000)}`)).toMatchObject({ status: 400 });
    expect(await answer(`1,"event":${'{"a":'.repeat(500_000)}1${"}".repeat(500_000)}`)).toMatchObject({ status: 400 });
    expect(await post(distributor, "/v1/acks", deep(500), {})).toMatchObject({ status: 400 });
  });
});

async function post(to: Service, path: string, body: BodyInit | Buffer, headers: Record<string, string>) {
  const token = await stack.token(to === receiver ? { publisher: "p" } : { client: "u1" });
  const authorization = `Bearer ${token}`;
  const init = { method: "POST", headers: { authorization, ...headers }, body: body as BodyInit };
  const response = await fetch(`${to.url}${path}`, init);
  return { status: response.status, body: JSON.parse(await response.text()) as unknown };
}

describe("WebSocket", () => {
  /** A frame that may be a part of a message, with a mask that changes nothing. */
  const part = (first: number, payload: string): Buffer =>
    Buffer.concat([Buffer.from([first, 0x80 | payload.length, 0, 0, 0, 0]), Buffer.from(payload)]);
  const many = (frame: Buffer, count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => frame));

  async function rude(): Promise<Subscriber> {
    const subscriber = await Subscriber.of(stack, { client: "rude", transport: "websocket", acknowledge: "manual" });
    await subscriber.connect(distributor);
    await subscriber.until("it is live", () => subscriber.frames.some(({ type }) => type === "live"));
    return subscriber;
  }

  test("a message in any number of parts is one message, with the same size limit", async () => {
    const ack = JSON.stringify({ type: "ack", cursor: "x" });
    const split = await rude();
    split.write(part(1, ack.slice(0, 1)));
    split.write(many(part(0, ""), 100_000));
    split.write(part(0x80, ack.slice(1)));
    await split.until("it is ended", () => !split.open);
    expect(split.end?.code).toBe(4001);
    const large = await rude();
    large.write(part(1, "x".repeat(100)));
    large.write(many(part(0, "x".repeat(100)), 164));
    await large.until("it is ended", () => !large.open);
    expect(large.end).toEqual({});
  });

  test("compression is not offered; a compressed frame ends the socket", async () => {
    const token = await stack.token({ client: "u1" });
    const key = "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    const { socket, said } = open(
      distributor,
      `GET /v1/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n${key}` +
        `sec-websocket-extensions: permessage-deflate\r\nauthorization: Bearer ${token}\r\n\r\n`,
    );
    await headFrom(socket);
    expect(said()).toMatch(/^HTTP\/1\.1 101 /);
    expect(said().toLowerCase()).not.toContain("sec-websocket-extensions");
    socket.write(maskedFrame(0x41, gzipSync(Buffer.alloc(16_000))));
    await once(socket, "close");
  });

  test.for([
    ["pings", maskedFrame(9, Buffer.alloc(100))],
    ["unsolicited pongs", maskedFrame(10, Buffer.alloc(100))],
    ["acknowledgements", maskedFrame(1, Buffer.from(`{"type":"ack","cursor":"${"0".repeat(25)}"}`))],
  ] as const)("a flood of %s ends with 4010, and an order to reconnect later", async ([kind, frame]) => {
    const before = await scrapeMetric(distributor, "connections_closed_total", "Too many frames");
    const flood = await rude();
    const one = kind === "acknowledgements" ? ackOf(flood) : frame;
    flood.write(many(one, 200));
    await flood.until("it is ended", () => !flood.open);
    expect(flood.end).toMatchObject({ code: 4010 });
    expect(flood.frames.at(-1)).toMatchObject({ type: "closing", reconnect: "now", retryAfter: expect.any(Number) });
    expect(await scrapeMetric(distributor, "connections_closed_total", "Too many frames")).toBe(before + 1);
  });

  /** The connection's first cursor. */
  function ackOf({ frames }: Subscriber): Buffer {
    const { cursor } = frames.find(({ type }) => type === "connected") as unknown as { cursor: string };
    return maskedFrame(1, Buffer.from(JSON.stringify({ type: "ack", cursor })));
  }

  test("a peer that pings and reads nothing is cut off before the answers fill a buffer", async () => {
    const flood = await rude();
    flood.pause();
    flood.write(many(maskedFrame(9, Buffer.alloc(100)), 200_000));
    flood.resume();
    await flood.until("it is ended", () => !flood.open);
    expect([4010, undefined]).toContain(flood.end?.code);
  });
});
