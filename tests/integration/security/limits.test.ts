import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { headFrom } from "#tests/support/raw-http.ts";

/** A distributor's limits for one tenant, one client and one address. */
let stack: Stack;
let distributor: Service;

beforeAll(async () => {
  const env = {
    DRAIN_MS: "0",
    TENANT_CONNECTIONS: "3",
    CLIENT_CONNECTIONS: "2",
    CLIENT_RATE: "1",
    CLIENT_BURST: "20",
    REFUSED_RATE: "1",
    REFUSED_BURST: "10",
    TRUSTED_PROXIES: "127.0.0.1",
    SOCKET_RATE: "1",
    SOCKET_BURST: "100",
  };
  stack = await startStack({ services: ["director", "distributor"], env });
  distributor = stack.services[1]!;
});

afterAll(() => stack.close());

async function poll(token: string, address: string) {
  const headers = { authorization: `Bearer ${token}`, "x-forwarded-for": address };
  const response = await fetch(`${distributor.url}/v1/poll?wait=0`, { headers });
  const body = (await response.json()) as { type?: string };
  return { status: response.status, type: body.type, retryAfter: Number(response.headers.get("retry-after")) };
}

const open = async (client: string): Promise<Subscriber> => {
  const subscriber = await Subscriber.of(stack, { client, transport: "websocket" });
  return subscriber.connect(distributor);
};

test("a client's oldest connection gives way and hears not to reconnect; a tenant has its own limit", async () => {
  const [first, second] = [await open("a"), await open("a")];
  const third = await open("a");
  await first.until("it is ended", () => !first.open);
  expect(first.end).toEqual({ code: 4011, reason: "Replaced by a newer connection" });
  expect(first.frames.at(-1)).toMatchObject({ type: "closing", reconnect: "no" });
  const fourth = await open("b");
  expect(await poll(await stack.token({ client: "c" }), "203.0.113.1")).toEqual({
    status: 429,
    type: "/problems/rate-limited",
    retryAfter: expect.toSatisfy((seconds: number) => seconds >= 5),
  });
  expect(await scrapeMetric(distributor, "connections_refused_total", 'reason="tenant"')).toBe(1);
  const other = await stack.token({ client: "c", tenant: "other" });
  expect(await poll(other, "203.0.113.1")).toMatchObject({ status: 200 });
  for (const subscriber of [second, third, fourth]) await subscriber.close();
  await expect.poll(() => poll(other, "203.0.113.1")).toMatchObject({ status: 200 });
});

test("a client that asks too often is 429, and another client is not", async () => {
  const [often, seldom] = await Promise.all(
    ["often", "seldom"].map((client) => stack.token({ client, tenant: "other" })),
  );
  const ack = (token: string) =>
    fetch(`${distributor.url}/v1/acks`, { method: "POST", headers: { authorization: `Bearer ${token}` }, body: "{}" });
  const statuses = await Promise.all(Array.from({ length: 40 }, () => ack(often!).then(({ status }) => status)));
  expect(new Set(statuses)).toEqual(new Set([400, 429]));
  expect(statuses.filter((status) => status === 400).length).toBeGreaterThanOrEqual(20);
  expect((await ack(seldom!)).status).toBe(400);
  expect(await scrapeMetric(distributor, "requests_limited_total", 'bound="client"')).toBeGreaterThan(0);
});

test("bad tokens of an address over its refusal rate, as our proxy names it, are 429; all other tokens pass", async () => {
  const good = await stack.token({ client: "good", tenant: "other" });
  for (let n = 0; n < 10; n += 1) expect(await poll(`x.y.${n}`, "203.0.113.66")).toMatchObject({ status: 403 });
  await expect.poll(() => poll("x.y.z", "203.0.113.66")).toMatchObject({ status: 429, type: "/problems/rate-limited" });
  expect(await poll("x.y.z", "203.0.113.67, 203.0.113.66")).toMatchObject({ status: 429 });
  expect(await poll("x.y.z", "203.0.113.67")).toMatchObject({ status: 403 });
  expect(await poll(good, "203.0.113.66")).toMatchObject({ status: 200 });
  expect(await scrapeMetric(distributor, "requests_limited_total", 'bound="address"')).toBeGreaterThan(0);
});

test("all lines of a proxy's header count: earlier lines from a stranger cannot fake the address", async () => {
  const { port } = new URL(distributor.url);
  const ask = async (...lines: string[]): Promise<string> => {
    const socket = connect(Number(port), "127.0.0.1");
    const head = ["GET /v1/poll?wait=0 HTTP/1.1", "host: x", ...lines.map((line) => `x-forwarded-for: ${line}`)];
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    const said = await headFrom(socket);
    socket.destroy();
    return said.slice(9, 12);
  };
  for (let n = 0; n < 10; n += 1) expect(await ask(`198.51.100.${n}`, "::ffff:203.0.113.77")).toBe("403");
  expect(await ask("198.51.100.99", "203.0.113.77")).toBe("429");
  expect(await ask("203.0.113.77", "203.0.113.78")).toBe("403");
});

test("one address has bounded sockets, and another is unaffected", async () => {
  const { port } = new URL(distributor.url);
  const answers = async (localAddress: string): Promise<boolean> => {
    const socket = connect({ port: Number(port), host: "127.0.0.1", localAddress });
    socket.on("error", () => {}).write("GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n");
    // A connection that is closed at once may be reset.
    const [said] = (await Promise.race([once(socket, "data"), once(socket, "close")]).catch(() => [])) as unknown[];
    socket.destroy();
    return Buffer.isBuffer(said);
  };
  const all = await Promise.all(Array.from({ length: 200 }, () => answers("127.0.0.9")));
  expect(all.filter(Boolean).length).toBeGreaterThanOrEqual(100);
  expect(await scrapeMetric(distributor, "http_sockets_refused_total")).toBe(
    all.filter((answered) => !answered).length,
  );
  expect(all).toContain(false);
  expect(await answers("127.0.0.10")).toBe(true);
  // The limit does not apply to our own proxies.
  expect(await Promise.all(Array.from({ length: 200 }, () => answers("127.0.0.1")))).not.toContain(false);
});
