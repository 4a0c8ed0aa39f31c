import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { PolicyStore } from "@saasaparilla/shared/auth/policies/store.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { auditEntries } from "#tests/support/audit-entries.ts";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startProxy } from "#tests/support/tcp-proxy.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import { connects, newTenant, publish, publishes, startTenancy } from "#tests/support/tenants.ts";

let stack: Stack;
let receiver: Service;
let distributor: Service;
let desk: Service;
let operator: ConsoleApi;

beforeAll(async () => {
  ({ stack, receiver, distributor, desk, operator } = await startTenancy());
});

afterAll(() => stack.close());

test("a tenant is created, suspended and resumed on a running stack; an unknown tenant has no rights", async () => {
  const token = await stack.token({ publisher: "shop", tenant: "late" });
  expect(await publishes(receiver, token)).toBe(403);
  await newTenant(operator, "late");
  await expect.poll(() => publishes(receiver, token)).toBe(202);
  const client = await stack.token({ client: "u1", tenant: "late" });
  await expect.poll(() => connects(distributor, client)).toBe(200);
  await operator.does("PUT", "/late", { state: "suspended", trust: "scopes" });
  await expect.poll(() => publishes(receiver, token)).toBe(403);
  await expect.poll(() => connects(distributor, client)).toBe(403);
  await operator.does("PUT", "/late", { trust: "scopes" });
  await expect.poll(() => publishes(receiver, token)).toBe(202);
});

test("a key publishes to clients that match its patterns, is shown once, rotated with overlap, and revoked", async () => {
  const tenant = await newTenant(operator, "keys");
  const made = await operator.does("POST", `/${tenant}/keys`, {
    name: "shop",
    scopes: ["publish"],
    clients: ["u1", "shop-*"],
  });
  const key = made.key as string;
  await expect.poll(() => publishes(receiver, key)).toBe(202);
  const { status, body } = await publish(receiver, key, "u1", "u2", "shop-7");
  expect({ status, body }).toMatchObject({ status: 202, body: { accepted: 2, rejected: 1 } });
  expect((body.items as unknown[])[1]).toMatchObject({
    problem: { type: "/problems/client-forbidden", status: 403, errors: [{ pointer: "/1/to/client" }] },
  });
  expect((await publish(receiver, key, "u2")).status).toBe(403);
  expect(await connects(distributor, key)).toBe(403);
  const listed = JSON.stringify(await operator.does("GET", `/${tenant}/keys`));
  expect(listed).toContain(made.id);
  expect(listed).not.toContain("hash");
  expect(listed).not.toContain(key.slice(-43));

  const next = await operator.does("POST", `/${tenant}/keys/${String(made.id)}/rotate`, { overlapSeconds: 3_600 });
  await expect.poll(() => publishes(receiver, next.key as string)).toBe(202);
  expect(await publishes(receiver, key)).toBe(202);
  expect((await publish(receiver, next.key as string, "u2")).status).toBe(403);
  await operator.does("DELETE", `/${tenant}/keys/${String(made.id)}`);
  await expect.poll(() => publishes(receiver, key)).toBe(403);
  expect(await publishes(receiver, next.key as string)).toBe(202);
});

test("every one of several changes made at once takes effect", async () => {
  const tenant = await newTenant(operator, "together");
  const made = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      operator.does("POST", `/${tenant}/keys`, { name: `k${n}`, scopes: ["publish"] }),
    ),
  );
  for (const { key } of made) await expect.poll(() => publishes(receiver, key as string)).toBe(202);
});

test("known policies hold while Postgres is away; new services wait for it; later changes take effect after it", async () => {
  const tenant = await newTenant(operator, "outage");
  const proxy = await startProxy(new URL(stack.env.DATABASE_URL!).host);
  onTestFinished(() => proxy.close());
  const behind = { DATABASE_URL: Object.assign(new URL(stack.env.DATABASE_URL!), { host: proxy.address }).href };
  const token = await stack.token({ publisher: "shop", tenant });
  const own = await stack.start("receiver", behind);
  const post = async (): Promise<number> => {
    const response = await fetch(`${own.url}/v1/notifications`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ to: { client: "u1" }, data: 1 }),
    });
    return response.status;
  };
  await expect.poll(post).toBe(202);
  await proxy.set("refuse");
  await operator.does("PUT", `/${tenant}`, { state: "suspended", trust: "scopes" });
  await expect.poll(() => scrapeMetric(own, "access_failures_total")).toBeGreaterThan(2);
  expect(await post()).toBe(202);
  expect(await scrapeMetric(own, "access_age_seconds")).toBeGreaterThan(0);
  const late = await stack.start("receiver", behind, { ready: false });
  const ready = await fetch(`${late.url}/health/ready`);
  expect({ status: ready.status, text: await ready.text() }).toMatchObject({
    status: 503,
    text: expect.stringContaining("access"),
  });
  await proxy.set("pass");
  await expect.poll(post).toBe(403);
  await late.ready();
  await Promise.all([own.stop(), late.stop()]);
});

test("a tenant's operator key reaches only its keys, grants and revocations, not its issuers or the tenant itself", async () => {
  const tenant = await newTenant(operator, "own");
  const newKey = async (scope: string): Promise<ConsoleApi> => {
    const { key } = await operator.does("POST", `/${tenant}/keys`, { name: scope, scopes: [scope] });
    return new ConsoleApi(desk, key as string);
  };
  const [own, reader, shop] = [await newKey("operate"), await newKey("read"), await newKey("publish")];
  const grant = { role: "publisher", subjects: ["shop"] };
  const jwksUrl = "https://idp.example/jwks";
  const asked: [string, string, unknown, number, number][] = [
    ["GET", "", undefined, 403, 403],
    ["GET", `/${tenant}`, undefined, 200, 200],
    ["GET", `/${tenant}/keys`, undefined, 200, 200],
    ["POST", `/${tenant}/explain-access`, { subject: "x", scopes: ["publish"], scope: "publish" }, 200, 200],
    ["POST", `/${tenant}/keys`, { name: "another", scopes: ["publish"] }, 201, 403],
    ["PUT", `/${tenant}/grants/g`, grant, 200, 403],
    ["PUT", `/${tenant}/revocations/u1`, {}, 200, 403],
    ["DELETE", `/${tenant}/grants/g`, undefined, 204, 403],
    ["PUT", `/${tenant}`, { trust: "scopes" }, 403, 403],
    ["PUT", `/${tenant}/issuers/i`, { issuer: "x", audience: "y", algorithms: ["ES256"], jwksUrl }, 403, 403],
    ["GET", "/acme", undefined, 403, 403],
    ["GET", "/nobody", undefined, 403, 403],
  ];
  for (const [method, path, body, ...expected] of asked) {
    const said = [await own.ask(method, path, body), await reader.ask(method, path, body)].map(({ status }) => status);
    expect([method, path, ...said]).toEqual([method, path, ...expected]);
    expect((await shop.ask(method, path, body)).status).toBe(403);
  }
});

test("requests of a tenant's operators, and refused requests of an address, are bounded in rate", async () => {
  const { key } = await operator.does("POST", "/acme/keys", { name: "busy", scopes: ["operate"] });
  const busy = await stack.start("console", {
    OPERATOR_RATE: "0.001",
    OPERATOR_BURST: "3",
    REFUSED_RATE: "0.001",
    REFUSED_BURST: "2",
  });
  const statuses = async (asking: ConsoleApi, times: number): Promise<number[]> => {
    const said: number[] = [];
    for (let time = 0; time < times; time += 1) said.push((await asking.ask("GET", "/acme")).status);
    return said;
  };
  expect(await statuses(new ConsoleApi(busy, key as string), 4)).toEqual([200, 200, 200, 429]);
  // The platform's operators lose no requests by it, although their token names this tenant.
  expect(await statuses(await ConsoleApi.of(stack, busy), 4)).toEqual([200, 200, 200, 429]);
  expect(await statuses(new ConsoleApi(busy, "x"), 3)).toEqual([403, 403, 429]);
});

test("a tenant's row bounds the total request rate of its clients", async () => {
  const tenant = await newTenant(operator, "asks");
  await operator.does("PUT", `/${tenant}`, { trust: "scopes", limits: { requestRate: 0.001, requestBurst: 3 } });
  const polled = async (client: string): Promise<number> => {
    const headers = { authorization: `Bearer ${await stack.token({ client, tenant })}` };
    return (await fetch(`${distributor.url}/v1/poll?wait=0`, { headers })).status;
  };
  await expect.poll(() => polled("one"), { timeout: 20_000 }).toBe(429);
  expect(await polled("another")).toBe(429);
  expect(await scrapeMetric(distributor, "requests_limited_total", 'bound="tenant"')).toBeGreaterThanOrEqual(2);
});

test("a key that is deleted during its rotation does not come back", async () => {
  const tenant = await newTenant(operator, "rotates");
  const { id } = await operator.does("POST", `/${tenant}/keys`, { name: "shop", scopes: ["publish"] });
  const postgres = connectPostgres(stack.env.DATABASE_URL!, {
    service: "test",
    log: createLog("test", "warn"),
    health: new Health([]),
    connections: 1,
  });
  try {
    const policyStore = new PolicyStore(postgres, stack.namespace);
    const value = (await policyStore.find("key", tenant, id as string))!;
    await operator.does("DELETE", `/${tenant}/keys/${id as string}`);
    const old = { kind: "key", tenant, id: id as string, value, changes: true } as const;
    await expect(policyStore.write(old)).rejects.toMatchObject({ kind: "reject" });
    expect(await policyStore.find("key", tenant, id as string)).toBeUndefined();
  } finally {
    await postgres.close();
  }
});

test("a wrong document is refused with the place of its fault, and changes nothing", async () => {
  const wrong: [string, string, unknown, number][] = [
    ["PUT", "/acme", { trust: "everybody" }, 400],
    ["PUT", "/acme", { state: "active", more: 1 }, 400],
    ["PUT", "/acme", { limits: { publishRat: 1 } }, 400],
    ["PUT", "/acme", { limits: { publishRate: -1 } }, 400],
    ["PUT", "/acme", { limits: { weight: 0 } }, 400],
    ["PUT", "/acme", { limits: { weight: 101 } }, 400],
    ["PUT", "/a%2Fb", {}, 400],
    ["PUT", "/acme/grants/g", { role: "king", subjects: ["*"] }, 400],
    ["PUT", "/acme/grants/g", { role: "publisher" }, 400],
    ["PUT", "/acme/grants/g", { role: "publisher", subjects: ["*"], clients: ["a*b"] }, 400],
    ["PUT", "/acme/grants/a%20b", { role: "publisher", subjects: ["*"] }, 400],
    ["PUT", "/nobody/grants/g", { role: "publisher", subjects: ["*"] }, 404],
    ["POST", "/acme/keys", { name: "k", scopes: ["subscribe"] }, 400],
    ["POST", "/acme/keys", { name: "k", scopes: [] }, 400],
    ["DELETE", "/acme/keys/0123", undefined, 404],
    ["POST", "/acme/keys/0123/rotate", {}, 404],
    ["PUT", "/acme/issuers/i", { issuer: "x", audience: "y", algorithms: ["HS256"], jwks: { keys: [] } }, 400],
    [
      "PUT",
      "/acme/issuers/i",
      { issuer: "x", audience: "y", algorithms: ["ES256"], jwks: { keys: [{ kty: "oct", k: "AAAA" }] } },
      400,
    ],
    [
      "PUT",
      "/acme/issuers/i",
      { issuer: "x", audience: "y", algorithms: ["ES256"], jwks: { keys: [{ kty: "EC", d: "AAAA" }] } },
      400,
    ],
    [
      "PUT",
      "/acme/issuers/i",
      { issuer: "x", audience: "y", algorithms: ["ES256"], jwksUrl: "http://internal.example/" },
      400,
    ],
    [
      "PUT",
      "/acme/issuers/i",
      { issuer: stack.env.AUTH_ISSUER, audience: "y", algorithms: ["ES256"], jwksUrl: "https://x.example/" },
      400,
    ],
    [
      "PUT",
      "/acme/issuers/i",
      { issuer: "x", audience: "y", algorithms: ["ES256"], jwksUrl: "https://169.254.169.254/" },
      400,
    ],
    ["GET", "?limit=0", undefined, 400],
  ];
  const before = await scrapeMetric(desk, "access_version");
  for (const [method, path, body, status] of wrong)
    expect([method, path, (await operator.ask(method, path, body)).status]).toEqual([method, path, status]);
  expect(await scrapeMetric(desk, "access_version")).toBe(before);
});

test("a text that Postgres cannot store is refused, and does not count as an outage", async () => {
  await operator.does("PUT", "/texts", { trust: "grants" });
  for (const name of ["a\0b", "a\ud800b"]) {
    const key = { name, scopes: ["publish"], clients: ["*"] };
    expect(await operator.ask("POST", "/texts/keys", key)).toMatchObject({ status: 409 });
  }
});

test("an operator outside OPERATOR_NETWORKS gets 403 at every service of operators, and is audited", async () => {
  const [closed, open] = await Promise.all([
    stack.start("console", { OPERATOR_NETWORKS: "192.0.2.0/24" }),
    stack.start("console", { OPERATOR_NETWORKS: "192.0.2.0/24,127.0.0.0/8,::1" }),
  ]);
  const director = await stack.start("director", { OPERATOR_NETWORKS: "192.0.2.0/24" });
  const token = await stack.token({ publisher: "abroad", scope: "operate read" });
  expect((await new ConsoleApi(open, token).ask("GET", "/acme")).status).toBe(200);
  for (const method of ["GET", "PUT"])
    expect((await new ConsoleApi(closed, token).ask(method, "/acme", method === "PUT" ? {} : undefined)).status).toBe(
      403,
    );
  const letters = await fetch(`${director.url}/v1/dead-letters`, { headers: { authorization: `Bearer ${token}` } });
  expect(letters.status).toBe(403);
  const refused = async () =>
    (await auditEntries(stack)).filter(({ subject, allowed }) => subject === "abroad" && allowed === false);
  await expect.poll(refused).toHaveLength(3);
  for (const entry of await refused()) expect(entry.why).toContain("OPERATOR_NETWORKS");
  await Promise.all([closed.stop(), open.stop(), director.stop()]);
});
