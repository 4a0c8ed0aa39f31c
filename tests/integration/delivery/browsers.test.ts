import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Publisher } from "#tests/support/publisher.ts";
import { headFrom } from "#tests/support/raw-http.ts";
import { startProxy, type TcpProxy } from "#tests/support/tcp-proxy.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

/** Which requests of browser pages are allowed and which are refused. */
const OURS = "https://app.example.com";
const OTHERS = [
  "https://evil.example.com",
  "http://app.example.com",
  "https://app.example.com:8443",
  "null",
  "https://app.example.com.evil.example",
];

let stack: Stack;
let receiver: Service;
let distributor: Service;
let proxy: TcpProxy;
let publisher: Publisher;

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "director"],
    env: { ALLOWED_ORIGINS: `${OURS}, https://admin.example.com` },
  });
  const redis = new URL(stack.env.REDIS_URL!);
  proxy = await startProxy(redis.host);
  const url = Object.assign(new URL(redis), { host: proxy.address }).href;
  receiver = stack.services[0]!;
  distributor = await stack.start("distributor", { REDIS_URL: url, DRAIN_MS: "0" });
  publisher = await Publisher.of(stack);
});

afterAll(async () => {
  await stack.close();
  await proxy.close();
});

async function upgrade(origin: string | undefined): Promise<number> {
  const token = await stack.token({ client: "page" });
  const { hostname, port } = new URL(distributor.url);
  const socket = connect(Number(port), hostname);
  const key = "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  const from = origin === undefined ? "" : `origin: ${origin}\r\n`;
  const subprotocols = `sec-websocket-protocol: notifications.v1.json, bearer.${token}\r\n`;
  socket.write(
    `GET /v1/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n${key}${subprotocols}${from}\r\n`,
  );
  const answer = await headFrom(socket);
  socket.destroy();
  return Number(answer.split(" ")[1]);
}

test("R48: a WebSocket opens for pages of listed origins, and for clients that are not browsers", async () => {
  for (const origin of [OURS, "https://admin.example.com", undefined]) expect(await upgrade(origin)).toBe(101);
  for (const origin of OTHERS) expect([origin, await upgrade(origin)]).toEqual([origin, 403]);
  const lines = () =>
    distributor.logs.filter(({ why }) => why === "its origin is in no tenant's document, and not in ALLOWED_ORIGINS");
  await expect.poll(() => lines().length).toBe(OTHERS.length);
});

test("R48: pages of listed origins can read every answer; other pages cannot", async () => {
  const token = await stack.token({ client: "page" });
  const asked: [Service, string, RequestInit][] = [
    [distributor, "/v1/poll?wait=0", {}],
    [distributor, "/v1/sse", { headers: { authorization: `Bearer ${token}` } }],
    [distributor, "/v1/sse", {}],
    [distributor, "/v1/acks", { method: "POST", body: "{}" }],
    [distributor, "/v1/acks", { method: "POST", body: "x".repeat(2_000) }],
    [distributor, "/v1/nothing", {}],
    [receiver, "/v1/notifications", { method: "POST", body: "{}" }],
  ];
  for (const [service, path, init] of asked) {
    for (const origin of [OURS, ...OTHERS]) {
      const stop = new AbortController();
      const headers = { ...(init.headers as Record<string, string>), origin };
      const answer = await fetch(`${service.url}${path}`, { ...init, headers, signal: stop.signal });
      const allowed = answer.headers.get("access-control-allow-origin");
      expect([path, origin, allowed]).toEqual([path, origin, origin === OURS ? OURS : null]);
      expect(answer.headers.get("vary")).toBe("origin");
      expect(answer.headers.has("access-control-allow-credentials")).toBe(false);
      stop.abort();
    }
  }
});

test("R48: a preflight answer lists what a page may send", async () => {
  const preflight = async (origin: string, path = "/v1/acks") => {
    const headers = {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization",
    };
    const answer = await fetch(`${distributor.url}${path}`, { method: "OPTIONS", headers });
    return [answer.status, answer.headers.get("access-control-allow-methods"), answer.headers.get("allow")];
  };
  expect(await preflight(OURS)).toEqual([204, "POST", "POST, OPTIONS"]);
  expect(await preflight(OTHERS[0]!)).toEqual([204, null, "POST, OPTIONS"]);
  expect(await preflight(OURS, "/v1/nothing")).toEqual([404, null, null]);
});

const ticketFor = async (client: string): Promise<{ ticket: string; expiresIn: number }> => {
  const authorization = `Bearer ${await stack.token({ client })}`;
  const answer = await fetch(`${distributor.url}/v1/tickets`, { method: "POST", headers: { authorization } });
  expect([answer.status, answer.headers.get("cache-control")]).toEqual([201, "no-store"]);
  return (await answer.json()) as { ticket: string; expiresIn: number };
};

test("R47: a ticket opens one SSE stream, for its token's client", async () => {
  const { ticket, expiresIn } = await ticketFor("ticketed");
  expect(expiresIn).toBe(30);
  await publisher.publish([{ client: "ticketed", json: '"for the ticketed"' }]);
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(60_000)]);
  const stream = await fetch(`${distributor.url}/v1/sse?ticket=${ticket}`, { signal });
  expect(stream.status).toBe(200);
  let said = "";
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  while (!said.includes("for the ticketed")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The stream ended after ${said}`);
    said += value;
  }
  stop.abort();
  const status = async (path: string) => {
    const answer = await fetch(`${distributor.url}${path}`);
    await answer.text();
    return answer.status;
  };
  expect(await status(`/v1/sse?ticket=${ticket}`)).toBe(403);
  const other = (await ticketFor("ticketed")).ticket;
  for (const path of [
    `/v1/poll?wait=0&ticket=${other}`,
    `/v1/sse?ticket=${other}x`,
    `/v1/sse?ticket=${other.slice(0, -2)}AA`,
    "/v1/sse?ticket=",
    "/v1/sse?ticket=%00",
  ])
    expect([path, await status(path)]).toEqual([path, 403]);
});

test("R47: a bad token gets no ticket, and no ticket works while Redis is away", async () => {
  const { ticket } = await ticketFor("ticketed");
  const wrong = await fetch(`${distributor.url}/v1/tickets`, {
    method: "POST",
    headers: { authorization: "Bearer x.y.z" },
  });
  expect(wrong.status).toBe(403);
  const authorization = `Bearer ${await stack.token({ client: "ticketed" })}`;
  await proxy.set("refuse");
  const asked = await fetch(`${distributor.url}/v1/tickets`, { method: "POST", headers: { authorization } });
  expect([asked.status, asked.headers.has("retry-after")]).toEqual([503, true]);
  expect((await fetch(`${distributor.url}/v1/sse?ticket=${ticket}`)).status).toBe(503);
  await proxy.set("pass");
  await distributor.ready();
  const stop = new AbortController();
  const open = async () => (await fetch(`${distributor.url}/v1/sse?ticket=${ticket}`, { signal: stop.signal })).status;
  await expect.poll(open).toBe(200);
  stop.abort();
});

test("R1: a token in a query is refused, good or bad", async () => {
  const token = await stack.token({ client: "page" });
  const headers = { authorization: `Bearer ${token}` };
  for (const name of ["token", "access_token", "jwt"]) {
    for (const path of ["/v1/sse", "/v1/poll", "/v1/acks", "/v1/tickets"]) {
      const method = path === "/v1/sse" || path === "/v1/poll" ? "GET" : "POST";
      const answer = await fetch(`${distributor.url}${path}?${name}=${token}`, { method, headers });
      expect([path, answer.status, ((await answer.json()) as { type: string }).type]).toEqual([
        path,
        400,
        "/problems/token-in-query",
      ]);
    }
  }
  const published = await fetch(`${receiver.url}/v1/notifications?access_token=${token}`, {
    method: "POST",
    headers,
    body: "{}",
  });
  expect(published.status).toBe(400);
  expect(JSON.stringify([distributor.logs, receiver.logs])).not.toContain(token);
});
