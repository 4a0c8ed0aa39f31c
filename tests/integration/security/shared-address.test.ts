import { afterAll, beforeAll, expect, test } from "vitest";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { newTenant } from "#tests/support/tenants.ts";

/** Callers behind one address, one of which sends refused requests. */
let stack: Stack;
let receiver: Service;
let operator: ConsoleApi;

beforeAll(async () => {
  const env = { REFUSED_RATE: "0.001", REFUSED_BURST: "5", TRUSTED_PROXIES: "127.0.0.0/8" };
  stack = await startStack({ services: ["receiver", "director", "distributor", "console"], env });
  receiver = stack.services[0]!;
  operator = await ConsoleApi.of(stack, stack.services[3]!);
});

afterAll(() => stack.close());

/** The dispatcher has no route for callers yet. */
const REQUESTS: Partial<Record<Service["kind"], [method: string, path: string, body?: string]>> = {
  receiver: ["POST", "/v1/notifications", '{"to":{"client":"c"},"data":1}'],
  director: ["GET", "/v1/dead-letters"],
  distributor: ["GET", "/v1/poll?wait=0"],
  console: ["GET", "/v1/tenants"],
};

async function ask(service: Service, token: string, address: string): Promise<number> {
  const [method, path, body] = REQUESTS[service.kind]!;
  const headers = {
    authorization: `Bearer ${token}`,
    "x-forwarded-for": address,
    "content-type": "application/json",
  };
  const response = await fetch(`${service.url}${path}`, { method, headers, ...(body !== undefined && { body }) });
  await response.text();
  return response.status;
}

const goodFor = (service: Service): Promise<string> =>
  stack.token(
    service.kind === "distributor"
      ? { client: "good" }
      : { publisher: "good", scope: service.kind === "receiver" ? "publish" : "operate" },
  );

/** Sends until the address is over its refusal rate. */
async function spend(service: Service, address: string): Promise<void> {
  for (let times = 0; times < 5; times += 1) expect(await ask(service, "x", address)).toBe(403);
  expect(await ask(service, "x", address)).toBe(429);
}

/** A good token's header and claims, with a signature of another key. */
async function forged(): Promise<string> {
  const [header, payload] = (await stack.token({ publisher: "forged" })).split(".");
  return `${header}.${payload}.${"A".repeat(86)}`;
}

test("good tokens, even new ones, pass from an address over its refusal rate, on every service; bad ones do not", async () => {
  for (const service of stack.services) {
    const known = await goodFor(service);
    const address = "203.0.113.1";
    await spend(service, address);
    for (let times = 0; times < 3; times += 1) {
      for (const token of [known, await goodFor(service)])
        expect([200, 202]).toContain(await ask(service, token, address));
      for (const token of ["x", await forged()]) expect(await ask(service, token, address)).toBe(429);
    }
    expect(await scrapeMetric(service, "address_over_limit_requests_total", 'outcome="passed"')).toBe(6);
    expect(await scrapeMetric(service, "address_over_limit_requests_total", 'outcome="turned_away"')).toBe(7);
  }
});

test("an API key passes from such an address; an unknown key does not", async () => {
  const tenant = await newTenant(operator, "keyed");
  const { key } = (await operator.does("POST", `/${tenant}/keys`, {
    name: "shop",
    scopes: ["publish"],
  })) as { key: string };
  await expect.poll(() => ask(receiver, key, "203.0.113.2")).toBe(202);
  await spend(receiver, "203.0.113.3");
  for (let times = 0; times < 10; times += 1) expect(await ask(receiver, key, "203.0.113.3")).toBe(202);
  expect(await ask(receiver, `${key.slice(0, -1)}${key.endsWith("A") ? "B" : "A"}`, "203.0.113.3")).toBe(429);
});

test("a flood of forged tokens has few signatures checked; known tokens pass, and new ones a little later", async () => {
  // One in 5 s, which is longer than the flood takes.
  const few = await stack.start("receiver", { ADDRESS_CHECKS: "0.2" });
  const address = "203.0.113.4";
  const known = await stack.token({ publisher: "known" });
  for (let times = 0; times < 2; times += 1) expect(await ask(few, known, address)).toBe(202);
  await spend(few, address);
  const bad = await forged();
  for (const status of await Promise.all(Array.from({ length: 20 }, () => ask(few, bad, address))))
    expect(status).toBe(429);
  const fresh = await stack.token({ publisher: "new" });
  expect(await ask(few, fresh, address)).toBe(429);
  expect(await ask(few, known, address)).toBe(202);
  // Malformed tokens are refused without a check.
  for (let times = 0; times < 20; times += 1) expect(await ask(few, "x", address)).toBe(429);
  await expect.poll(() => ask(few, fresh, address), { timeout: 10_000 }).toBe(202);
  // From now on the token is known, whatever arrives beside it.
  await Promise.all(Array.from({ length: 20 }, () => ask(few, bad, address)));
  expect(await ask(few, fresh, address)).toBe(202);
  await few.stop();
});

test("a caller in the proxies' network cannot name another address, and the log says how to add proxies", async () => {
  const own = "127.0.0.9";
  for (let times = 0; times < 5; times += 1) expect(await ask(receiver, "x", `198.51.100.${times}, ${own}`)).toBe(403);
  expect(await ask(receiver, "x", `198.51.100.99, ${own}`)).toBe(429);
  expect(await ask(receiver, "x", "198.51.100.99")).toBe(403);
  await receiver.logged(({ msg }) => msg?.includes("PROXY_HOPS") ?? false);
  const behindTwo = await stack.start("receiver", { PROXY_HOPS: "2" });
  for (let times = 0; times < 10; times += 1)
    expect(await ask(behindTwo, "x", `198.51.100.${times}, ${own}`)).toBe(403);
  await behindTwo.stop();
});
