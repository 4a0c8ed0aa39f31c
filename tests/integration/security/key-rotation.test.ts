import { connect, type Connection } from "@saasaparilla/client";
import { connect as connectTo } from "node:net";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { RotatingKey } from "#tests/pages/rotating-key.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { TRANSPORTS } from "#tests/support/raw-transports.ts";
import { headFrom } from "#tests/support/raw-http.ts";

/**
 * The issuer signs with a new key that the services cannot read yet: they wait half a minute between two requests for
 * the key set.
 */
let stack: Stack;
let services: Service[];
let distributor: Service;
let key: RotatingKey;

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "director", "distributor", "console"],
    env: { HEARTBEAT_MS: "1000", DRAIN_MS: "0" },
  });
  services = stack.services;
  distributor = services[2]!;
  key = new RotatingKey(stack);
  await key.rotate();
});

afterAll(() => stack.close());

const answered = async (response: Response) => {
  const body = (await response.json()) as { type: string; retryAfter: number };
  return {
    status: response.status,
    type: body.type,
    retryAfter: Number(response.headers.get("retry-after")),
    said: body.retryAfter,
  };
};

async function upgraded(token: string): Promise<string> {
  const { hostname, port } = new URL(distributor.url);
  const socket = connectTo(Number(port), hostname);
  const head =
    "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  socket.write(
    `GET /v1/ws HTTP/1.1\r\nhost: x\r\n${head}sec-websocket-protocol: notifications.v1.json, bearer.${token}\r\n\r\n`,
  );
  const answer = await headFrom(socket);
  socket.destroy();
  return answer;
}

test("R8: a token whose key is not known yet is 503 with Retry-After, on every service and transport", async () => {
  const [receiver, director, , console] = services.map(({ url }) => url);
  const client = await key.token({ client: "rotated" });
  const publisher = await key.token({ publisher: "p" });
  const operator = await key.token({ publisher: "o", scope: "operate" });
  const asked: [string, string, RequestInit][] = [
    [`${distributor.url}/v1/poll?wait=0`, client, {}],
    [`${distributor.url}/v1/sse`, client, {}],
    [`${distributor.url}/v1/acks`, client, { method: "POST", body: "{}" }],
    [`${distributor.url}/v1/tickets`, client, { method: "POST", body: "" }],
    [`${receiver}/v1/notifications`, publisher, { method: "POST", body: '{"to":{"client":"c"},"data":1}' }],
    [`${director}/v1/dead-letters`, operator, {}],
    [`${console}/v1/tenants`, operator, {}],
  ];
  for (const [url, token, init] of asked) {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await answered(await fetch(url, { ...init, headers }));
    expect([url, answer]).toMatchObject([url, { status: 503, type: "/problems/unavailable" }]);
    expect([url, answer.retryAfter > 0 && answer.retryAfter <= 35, answer.said === answer.retryAfter]).toEqual([
      url,
      true,
      true,
    ]);
  }
  expect(await upgraded(client)).toMatch(/^HTTP\/1\.1 503 .*retry-after: \d+/is);
  for (const service of services) expect(await scrapeMetric(service, "tokens_key_unknown_total")).toBeGreaterThan(0);
  for (const { logs } of services) expect(logs.filter(({ msg }) => msg === "forbidden")).toEqual([]);
});

test("R14: a renewal that cannot be checked yet ends no WebSocket, and clients wait for the new key", async () => {
  const subscriber = await Subscriber.of(stack, { client: "renews", transport: "websocket", ttl: 55 });
  await subscriber.connect(distributor);
  const received: string[] = [];
  const reasons: string[] = [];
  const connections = TRANSPORTS.map((transport): Connection => {
    const connection = connect<string>({
      url: distributor.url,
      transport,
      token: () => key.token({ client: `rotated-${transport}` }),
      onNotification: ({ data }) => received.push(data),
      onState: ({ state, reason }) => state === "waiting" && reasons.push(reason!.code),
    });
    onTestFinished(() => connection.close());
    return connection;
  });
  const asked = (): number => subscriber.frames.filter(({ type }) => type === "refresh").length;
  await expect.poll(asked).toBe(1);
  const token = await key.token({ client: "renews" });
  subscriber.say(JSON.stringify({ type: "refresh", token }));
  // Asked for again, because the check was impossible before.
  await expect.poll(asked).toBe(2);
  await expect.poll(() => connections.map(({ state }) => state)).toEqual(["live", "live", "live"]);
  subscriber.say(JSON.stringify({ type: "refresh", token }));
  const publisher = await Publisher.of(stack);
  for (const transport of TRANSPORTS)
    await publisher.publish([{ client: `rotated-${transport}`, json: `"${transport}"` }]);
  await expect.poll(() => received.toSorted()).toEqual(TRANSPORTS.toSorted());
  expect(new Set(reasons)).toEqual(new Set(["unavailable"]));
  expect([asked(), subscriber.end]).toEqual([2, undefined]);
  await subscriber.close();
});
