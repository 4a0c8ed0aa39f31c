import { createServer as createHttpServer, type ServerResponse } from "node:http";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startStack, type Kind, type Service, type Stack } from "#tests/support/stack.ts";

/** Callers that are not known yet: their tokens name an issuer whose key set never arrives. */
const ISSUER = "https://hangs.example";
let stack: Stack;
let tarpit: Server;
/** Requests for the key set that are open. */
let asking = 0;
let mostAsking = 0;

beforeAll(async () => {
  tarpit = createServer((socket) => {
    asking += 1;
    mostAsking = Math.max(mostAsking, asking);
    socket.on("error", () => {}).on("close", () => (asking -= 1));
    socket.resume();
  });
  await new Promise<void>((done) => tarpit.listen(0, "127.0.0.1", done));
  const env = { MAX_REQUESTS: "3", ISSUER_WAITERS: "3", ADDRESS_WAITERS: "2", TRUSTED_PROXIES: "127.0.0.1" };
  stack = await startStack({ services: ["receiver", "director", "distributor", "console"], env });
  const operator = await ConsoleApi.of(stack, stack.services[3]!);
  await operator.does("PUT", "/slow", { trust: "scopes" });
  const { port } = tarpit.address() as AddressInfo;
  const jwksUrl = `http://127.0.0.1:${port}/jwks`;
  await operator.does("PUT", "/slow/issuers/idp", { issuer: ISSUER, audience: "a", algorithms: ["ES256"], jwksUrl });
});

afterAll(async () => {
  await stack.close();
  tarpit.close();
});

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const seconds = (): number => Math.floor(Date.now() / 1_000);

/** A token that only a check of its signature could refuse. */
function forged(kid = "x"): string {
  const claims = { iss: ISSUER, aud: "a", sub: "x", tenant: "slow", scope: "publish subscribe", exp: seconds() + 900 };
  return `${part({ alg: "ES256", kid })}.${part(claims)}.${"A".repeat(86)}`;
}

interface Asked {
  said: () => string;
  close: () => void;
}

/** A request whose body stays incomplete. */
function ask(service: Service, route: string, token: string, address: string): Asked {
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  let said = "";
  socket.on("error", () => {}).on("data", (data) => (said += data.toString("latin1")));
  const body = route.startsWith("GET") ? "\r\n" : `content-length: 900\r\n\r\n${"x".repeat(100)}`;
  const head = `${route} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\nx-forwarded-for: ${address}\r\n`;
  socket.write(`${head}${body}`);
  return { said: () => said, close: () => socket.destroy() };
}

/** The dispatcher has no route for callers yet. */
const ROUTES: Partial<Record<Kind, string[]>> = {
  receiver: ["POST /v1/notifications"],
  director: ["GET /v1/dead-letters", "POST /v1/dead-letters/0-1/redrive"],
  distributor: ["POST /v1/acks", "GET /v1/poll?wait=0", "GET /v1/sse", "POST /v1/tickets"],
  console: ["POST /v1/tenants/slow/keys", "GET /v1/tenants"],
};

const NEAR = "203.0.113.1";
const LIMITED = /^HTTP\/1\.1 429 .*retry-after: 5.*\/problems\/rate-limited/is;
const UNAVAILABLE = /^HTTP\/1\.1 503 .*retry-after: \d.*\/problems\/unavailable/is;

/** The first waiting request. Until the service has read the issuer's row, it refuses such a token. */
async function waiter(service: Service, route: string): Promise<Asked> {
  let one: Asked | undefined;
  const waits = async (): Promise<boolean> => {
    one = ask(service, route, forged(), NEAR);
    const waiting = async (): Promise<boolean> => (await scrapeMetric(service, "identity_waiters")) > 0;
    await expect.poll(async () => one!.said() !== "" || (await waiting())).toBe(true);
    return one.said() === "";
  };
  await expect.poll(waits, { timeout: 10_000, interval: 100 }).toBe(true);
  return one!;
}

/** The answer to a caller with rights. */
async function good(service: Service): Promise<number> {
  const ofClient = service.kind === "distributor";
  const token = await stack.token(
    ofClient ? { client: "good" } : { publisher: "good", scope: "publish operate", tenant: "acme" },
  );
  const [method, path] = ROUTES[service.kind]!.at(ofClient ? 1 : 0)!.split(" ") as [string, string];
  const asked = service.kind === "console" ? "/v1/tenants" : path;
  const init =
    service.kind === "receiver"
      ? { method, body: '{"to":{"client":"c"},"data":1}' }
      : { method: service.kind === "console" ? "GET" : method };
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const { status } = await fetch(`${service.url}${asked}`, { ...init, headers });
  return status;
}

test("an issuer with a hanging key set delays a bounded number of its own callers, on every service, and no others", async () => {
  await Promise.all(
    stack.services.map(async (service) => {
      const [route, ...others] = ROUTES[service.kind] as [string, ...string[]];
      await good(service);
      const first = await waiter(service, route);
      const two = [ask(service, route, forged(), NEAR), ask(service, route, forged(), NEAR)];
      const limited = () => two.filter(({ said }) => LIMITED.test(said()));
      await expect.poll(() => limited().length).toBe(1);
      const other = ask(service, route, forged(), "203.0.113.2");
      await expect.poll(() => scrapeMetric(service, "identity_waiters")).toBe(3);
      const more = [route, ...others].map((one) => ask(service, one, forged(), "203.0.113.3"));
      await Promise.all(more.map(({ said }) => expect.poll(said).toMatch(UNAVAILABLE)));
      expect([200, 202]).toContain(await good(service));
      expect(await scrapeMetric(service, "identity_waiters")).toBe(3);
      expect(await scrapeMetric(service, "identity_waits_refused_total", 'bound="address"')).toBe(1);
      expect(await scrapeMetric(service, "identity_waits_refused_total", 'bound="issuer"')).toBe(more.length);
      // Three wait, and a receiver takes three requests at once.
      if (service.kind === "receiver") expect(await scrapeMetric(service, "publish_requests")).toBe(0);
      if (service.kind === "console") expect(await scrapeMetric(service, "http_body_bytes")).toBe(0);
      const waited = [first, other, ...two.filter((one) => !limited().includes(one))];
      await Promise.all(waited.map(({ said }) => expect.poll(said, { timeout: 8_000 }).toMatch(UNAVAILABLE)));
      await expect.poll(() => scrapeMetric(service, "identity_waiters")).toBe(0);
    }),
  );
  expect(mostAsking).toBeLessThanOrEqual(stack.services.length);
  expect(mostAsking).toBeGreaterThan(0);
});

test("the number of all waiting callers is bounded", async () => {
  const receiver = await stack.start("receiver", { MAX_WAITERS: "1" });
  const [route] = ROUTES.receiver as [string];
  const waiting = await waiter(receiver, route);
  const other = ask(receiver, route, forged("y"), "203.0.113.2");
  await expect.poll(other.said).toMatch(UNAVAILABLE);
  expect(await scrapeMetric(receiver, "identity_waits_refused_total", 'bound="all"')).toBe(1);
  await expect.poll(waiting.said, { timeout: 8_000 }).toMatch(UNAVAILABLE);
  await receiver.stop();
});

test("tokens with wrong signatures take no place of a receiver during their check, however many arrive at once", async () => {
  const receiver = await stack.start("receiver", { MAX_REQUESTS: "1" });
  const [header, payload] = (await stack.token({ publisher: "p" })).split(".");
  const [route] = ROUTES.receiver as [string];
  const all = Array.from({ length: 30 }, () => ask(receiver, route, `${header}.${payload}.${"A".repeat(86)}`, "x"));
  for (const { said } of all) await expect.poll(said).toMatch(/^HTTP\/1\.1 403 /);
  await receiver.stop();
});

test("once a key arrives, bodies of any size are read, and callers that left meanwhile take no place", async () => {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "late" }] });
  const asked = Promise.withResolvers<ServerResponse>();
  const provider = createHttpServer((_, response) => asked.resolve(response));
  onTestFinished(() => void provider.close());
  await new Promise<void>((done) => provider.listen(0, "127.0.0.1", done));
  const issuer = "https://late.example";
  const jwksUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/jwks`;
  const operator = await ConsoleApi.of(stack, stack.services[3]!);
  await operator.does("PUT", "/slow/issuers/late", { issuer, audience: "a", algorithms: ["ES256"], jwksUrl });
  const receiver = await stack.start("receiver", { MAX_REQUESTS: "2" });
  const token = await new SignJWT({ iss: issuer, aud: "a", sub: "p", tenant: "slow", scope: "publish" })
    .setProtectedHeader({ alg: "ES256", kid: "late" })
    .setExpirationTime("5m")
    .sign(privateKey);
  const { close } = ask(receiver, ROUTES.receiver![0]!, token, "203.0.113.1");
  const response = await asked.promise;
  close();
  // The server read the end of the connection before this answer.
  expect(await good(receiver)).toBe(202);
  const item = { to: { client: "c" }, data: "x".repeat(60_000) };
  const large = fetch(`${receiver.url}/v1/notifications`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(Array.from({ length: 20 }, () => item)),
  });
  await expect.poll(() => scrapeMetric(receiver, "identity_waiters")).toBe(2);
  expect(await scrapeMetric(receiver, "publish_body_bytes")).toBe(0);
  response.end(keys);
  expect((await large).status).toBe(202);
  await expect.poll(() => scrapeMetric(receiver, "identity_waiters")).toBe(0);
  expect(await scrapeMetric(receiver, "publish_requests")).toBe(0);
  expect(await good(receiver)).toBe(202);
  await receiver.stop();
});
