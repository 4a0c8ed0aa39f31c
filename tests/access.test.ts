import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { AccessStore } from "../shared/access-store.ts";
import { Health } from "../shared/health.ts";
import { createLog } from "../shared/log.ts";
import { connectPostgres } from "../shared/postgres.ts";
import { Console } from "./console.ts";
import { metric } from "./metric.ts";
import { startProxy } from "./proxy.ts";
import { Publisher } from "./publisher.ts";
import { readAll } from "./records.ts";
import { startStack, type Service, type Stack } from "./stack.ts";
import { Subscriber } from "./subscriber.ts";
import { TRANSPORTS } from "./wires.ts";

let stack: Stack;
let receiver: Service;
let distributor: Service;
let desk: Service;
let operator: Console;

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "director", "distributor", "console"],
    env: { HEARTBEAT_MS: "1000", DRAIN_MS: "0" },
  });
  [receiver, , distributor, desk] = stack.services as [Service, Service, Service, Service];
  operator = await Console.of(stack, desk);
});

afterAll(() => stack.close());

async function publish(
  token: string,
  ...clients: string[]
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${receiver.url}/v1/notifications`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify(clients.map((client) => ({ to: { client }, data: 1 }))),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const statusOf = async (token: string, client = "u1"): Promise<number> => (await publish(token, client)).status;

/** Of a connect: an empty poll. */
async function connects(token: string): Promise<number> {
  const response = await fetch(`${distributor.url}/v1/poll?wait=0`, { headers: { authorization: `Bearer ${token}` } });
  await response.text();
  return response.status;
}

async function newTenant(name: string, trust: "scopes" | "grants" = "scopes"): Promise<string> {
  await operator.does("PUT", `/${name}`, { trust });
  return name;
}

test("a tenant is made, suspended and resumed while everything runs; one that is not there may do nothing", async () => {
  const token = await stack.token({ publisher: "shop", tenant: "late" });
  expect(await statusOf(token)).toBe(403);
  await newTenant("late");
  await expect.poll(() => statusOf(token)).toBe(202);
  const client = await stack.token({ client: "u1", tenant: "late" });
  await expect.poll(() => connects(client)).toBe(200);
  await operator.does("PUT", "/late", { state: "suspended", trust: "scopes" });
  await expect.poll(() => statusOf(token)).toBe(403);
  await expect.poll(() => connects(client)).toBe(403);
  await operator.does("PUT", "/late", { trust: "scopes" });
  await expect.poll(() => statusOf(token)).toBe(202);
});

test("a key publishes to whom its patterns name, is shown once, rotated with overlap, and taken away", async () => {
  const tenant = await newTenant("keys");
  const made = await operator.does("POST", `/${tenant}/keys`, {
    name: "shop",
    scopes: ["publish"],
    clients: ["u1", "shop-*"],
  });
  const key = made.key as string;
  await expect.poll(() => statusOf(key)).toBe(202);
  const { status, body } = await publish(key, "u1", "u2", "shop-7");
  expect({ status, body }).toMatchObject({ status: 202, body: { accepted: 2, rejected: 1 } });
  expect((body.items as unknown[])[1]).toMatchObject({
    problem: { type: "/problems/client-forbidden", status: 403, errors: [{ pointer: "/1/to/client" }] },
  });
  expect((await publish(key, "u2")).status).toBe(403);
  expect(await connects(key)).toBe(403);
  const listed = JSON.stringify(await operator.does("GET", `/${tenant}/keys`));
  expect(listed).toContain(made.id);
  expect(listed).not.toContain("hash");
  expect(listed).not.toContain(key.slice(-43));

  const next = await operator.does("POST", `/${tenant}/keys/${String(made.id)}/rotate`, { overlapSeconds: 3_600 });
  await expect.poll(() => statusOf(next.key as string)).toBe(202);
  expect(await statusOf(key)).toBe(202);
  expect((await publish(next.key as string, "u2")).status).toBe(403);
  await operator.does("DELETE", `/${tenant}/keys/${String(made.id)}`);
  await expect.poll(() => statusOf(key)).toBe(403);
  expect(await statusOf(next.key as string)).toBe(202);
});

test("changes that are made at once are all heard of", async () => {
  const tenant = await newTenant("together");
  const made = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      operator.does("POST", `/${tenant}/keys`, { name: `k${n}`, scopes: ["publish"] }),
    ),
  );
  for (const { key } of made) await expect.poll(() => statusOf(key as string)).toBe(202);
});

test("while Postgres is away what was known holds; who starts then waits for it; what was changed is heard of after it", async () => {
  const tenant = await newTenant("outage");
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
  await expect.poll(() => metric(own, "access_failures_total")).toBeGreaterThan(2);
  expect(await post()).toBe(202);
  expect(await metric(own, "access_age_seconds")).toBeGreaterThan(0);
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

/** A tenant's identity provider, whose keys are had over HTTP. */
async function startIssuer(): Promise<{
  jwksUrl: string;
  token(claims: object): Promise<string>;
  close(): void;
}> {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "k", alg: "ES256", use: "sig" }] });
  const server = createServer((_, response) => void response.setHeader("content-type", "application/json").end(keys));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    jwksUrl: `http://127.0.0.1:${port}/jwks`,
    token: (claims) =>
      new SignJWT({ iss: "https://idp.example", aud: "app", sub: "u1", scope: "subscribe", ...claims })
        .setProtectedHeader({ alg: "ES256", kid: "k" })
        .setIssuedAt()
        .setExpirationTime("5m")
        .sign(privateKey),
    close: () => server.close(),
  };
}

test("an issuer of a tenant speaks for it alone; its keys are had from its own address", async () => {
  const tenant = await newTenant("idp");
  const issuer = await startIssuer();
  try {
    const { jwksUrl } = issuer;
    await operator.does("PUT", `/${tenant}/issuers/own`, {
      issuer: "https://idp.example",
      audience: "app",
      algorithms: ["ES256"],
      jwksUrl,
    });
    const good = await issuer.token({ tenant });
    await expect.poll(() => connects(good)).toBe(200);
    expect(await connects(await issuer.token({ tenant: "acme" }))).toBe(403);
    expect(await connects(await issuer.token({ tenant, aud: "notifications" }))).toBe(403);
    await expect.poll(async () => statusOf(await issuer.token({ tenant, scope: "publish" }))).toBe(202);
    // Another tenant cannot have it, too.
    expect(
      await operator.ask("PUT", "/acme/issuers/theft", {
        issuer: "https://idp.example",
        audience: "app",
        algorithms: ["ES256"],
        jwksUrl,
      }),
    ).toMatchObject({ status: 409 });
    await operator.does("DELETE", `/${tenant}/issuers/own`);
    await expect.poll(() => connects(good)).toBe(403);
  } finally {
    issuer.close();
  }
});

test("grants: who may do what in a tenant that trusts no scope alone, and why", async () => {
  const tenant = await newTenant("grants", "grants");
  const shop = await stack.token({ publisher: "shop", tenant });
  const u1 = await stack.token({ client: "u1", tenant });
  await operator.does("PUT", `/${tenant}/grants/apps`, { role: "subscriber", subjects: ["u*"] });
  await expect.poll(() => connects(u1)).toBe(200);
  expect(await connects(await stack.token({ client: "v1", tenant }))).toBe(403);
  expect(await statusOf(shop)).toBe(403);
  await operator.does("PUT", `/${tenant}/grants/shop`, { role: "publisher", subjects: ["shop"], clients: ["u1"] });
  await expect.poll(() => statusOf(shop)).toBe(202);
  expect((await publish(shop, "u2")).status).toBe(403);

  const why = (asked: object) => operator.does("POST", `/${tenant}/explain-access`, asked);
  expect(await why({ token: shop, scope: "publish", client: "u1" })).toMatchObject({ allowed: true, subject: "shop" });
  const no = await why({ token: shop, scope: "publish", client: "u2" });
  expect(no.allowed).toBe(false);
  expect((no.checks as { holds: boolean; why?: string }[]).filter(({ holds }) => !holds)).toMatchObject([
    { why: 'no pattern of its clients fits "u2"' },
  ]);
  expect(await why({ subject: "v1", scopes: ["subscribe"], scope: "subscribe" })).toMatchObject({ allowed: false });
  expect(await why({ token: `${shop.slice(0, -4)}AAAA`, scope: "publish" })).toMatchObject({ allowed: false });
  // Of another tenant's nothing is told: neither whether it is good, nor whether there is such a key.
  const { id, key } = await operator.does("POST", "/acme/keys", { name: "other's", scopes: ["publish"] });
  await expect.poll(() => statusOf(key as string)).toBe(202);
  const wrongKeys = [`sk_${String(id)}_${"a".repeat(43)}`, `sk_${"0".repeat(16)}_${"a".repeat(43)}`];
  const others = [await stack.token({ client: "u1" }), await stack.token({ client: "u1", ttl: -60 }), key as string];
  const told = async (token: string) => (await why({ token, scope: "subscribe" })).checks;
  for (const token of others) expect(await told(token)).toMatchObject([{ why: "it is of another tenant" }]);
  for (const token of wrongKeys) expect(await told(token)).toMatchObject([{ why: "there is no such key here" }]);
});

test("all grants of a tenant name a bounded number of subjects and clients: each check looks at them", async () => {
  const tenant = await newTenant("many", "grants");
  const hundred = (of: string) => Array.from({ length: 100 }, (_, n) => `${of}${n}*`);
  const grant = { role: "publisher", subjects: hundred("s"), clients: hundred("c") };
  for (let n = 0; n < 10; n += 1) await operator.does("PUT", `/${tenant}/grants/g${n}`, grant);
  expect(
    await operator.ask("PUT", `/${tenant}/grants/g10`, { ...grant, subjects: ["s"], clients: ["c"] }),
  ).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining("2000 subjects and clients") as string },
  });
  await operator.does("PUT", `/${tenant}/grants/g9`, { ...grant, clients: ["c"] });
  await operator.does("PUT", `/${tenant}/grants/g10`, { ...grant, subjects: ["s"], clients: ["c"] });
});

test("a tenant's own key operates or reads that tenant: its keys, grants and revocations, and neither issuers nor the tenant", async () => {
  const tenant = await newTenant("own");
  const newKey = async (scope: string): Promise<Console> => {
    const { key } = await operator.does("POST", `/${tenant}/keys`, { name: scope, scopes: [scope] });
    return new Console(desk, key as string);
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

test("how often the operators of a tenant ask is bounded, and what comes from an address of which too much was refused", async () => {
  const busy = await stack.start("console", {
    OPERATOR_RATE: "0.001",
    OPERATOR_BURST: "3",
    REFUSED_RATE: "0.001",
    REFUSED_BURST: "2",
  });
  const statuses = async (asking: Console, times: number): Promise<number[]> => {
    const said: number[] = [];
    for (let time = 0; time < times; time += 1) said.push((await asking.ask("GET", "/acme")).status);
    return said;
  };
  expect(await statuses(await Console.of(stack, busy), 4)).toEqual([200, 200, 200, 429]);
  expect(await statuses(new Console(busy, "x"), 3)).toEqual([403, 403, 429]);
});

test("how often a tenant's clients ask is bounded by its row, whoever of them it is", async () => {
  const tenant = await newTenant("asks");
  await operator.does("PUT", `/${tenant}`, { trust: "scopes", limits: { requestRate: 0.001, requestBurst: 3 } });
  const polled = async (client: string): Promise<number> => {
    const headers = { authorization: `Bearer ${await stack.token({ client, tenant })}` };
    return (await fetch(`${distributor.url}/v1/poll?wait=0`, { headers })).status;
  };
  await expect.poll(() => polled("one"), { timeout: 20_000 }).toBe(429);
  expect(await polled("another")).toBe(429);
  expect(await metric(distributor, "requests_limited_total", 'bound="tenant"')).toBeGreaterThanOrEqual(2);
});

test("a key that was taken away while it was being rotated does not come back", async () => {
  const tenant = await newTenant("rotates");
  const { id } = await operator.does("POST", `/${tenant}/keys`, { name: "shop", scopes: ["publish"] });
  const postgres = connectPostgres(stack.env.DATABASE_URL!, "test", createLog("test", "warn"), new Health([]), 1);
  try {
    const store = new AccessStore(postgres, stack.namespace);
    const value = (await store.find("key", tenant, id as string))!;
    await operator.does("DELETE", `/${tenant}/keys/${id as string}`);
    const old = { kind: "key", tenant, id: id as string, value, changes: true } as const;
    await expect(store.write(old)).rejects.toMatchObject({ kind: "reject" });
    expect(await store.find("key", tenant, id as string)).toBeUndefined();
  } finally {
    await postgres.close();
  }
});

test("what is written wrongly is refused with its place, and changes nothing", async () => {
  const wrong: [string, string, unknown, number][] = [
    ["PUT", "/acme", { trust: "everybody" }, 400],
    ["PUT", "/acme", { state: "active", more: 1 }, 400],
    ["PUT", "/acme", { limits: { publishRat: 1 } }, 400],
    ["PUT", "/acme", { limits: { publishRate: -1 } }, 400],
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
    ["GET", "?limit=0", undefined, 400],
  ];
  const before = await metric(desk, "access_version");
  for (const [method, path, body, status] of wrong)
    expect([method, path, (await operator.ask(method, path, body)).status]).toEqual([method, path, status]);
  expect(await metric(desk, "access_version")).toBe(before);
});

interface Entry {
  allowed?: boolean;
  subject?: string;
  tenant?: string;
  times?: number;
  why?: string;
  [name: string]: unknown;
}

async function audited(): Promise<Entry[]> {
  return (await readAll(stack, "audit")).flatMap(({ value }) =>
    value
      .toString()
      .split("\n")
      .map((line) => JSON.parse(line) as Entry),
  );
}

test("a text that Postgres cannot keep is refused, and is no sign that it is away", async () => {
  await operator.does("PUT", "/texts", { trust: "grants" });
  for (const name of ["a\0b", "a\ud800b"]) {
    const key = { name, scopes: ["publish"], clients: ["*"] };
    expect(await operator.ask("POST", "/texts/keys", key)).toMatchObject({ status: 409 });
  }
});

test("each attempt is in the audit log, allowed or not, from every service, and never the token", async () => {
  const tokens = {
    allowed: await stack.token({ publisher: "audit-allowed" }),
    refused: await stack.token({ publisher: "audit-refused", scope: "nothing" }),
    connected: await stack.token({ client: "audit-connected" }),
    expired: await stack.token({ client: "audit-expired", ttl: -120 }),
    operator: await stack.token({ publisher: "audit-operator", scope: "read" }),
  };
  for (let time = 0; time < 3; time += 1) expect(await statusOf(tokens.allowed)).toBe(202);
  expect(await statusOf(tokens.refused)).toBe(403);
  expect(await connects(tokens.connected)).toBe(200);
  expect(await connects(tokens.expired)).toBe(403);
  await new Console(desk, tokens.operator).does("GET", "");
  await fetch(`${stack.services[1]!.url}/v1/dead-letters`);
  const of = (entries: Entry[], subject: string): Entry[] => entries.filter((entry) => entry.subject === subject);
  const sum = (entries: Entry[]): number => entries.reduce((total, { times = 1 }) => total + times, 0);
  let entries: Entry[] = [];
  await expect
    .poll(async () => {
      entries = await audited();
      return [
        sum(of(entries, "audit-allowed")),
        ...["refused", "connected", "expired", "operator"].map((name) => of(entries, `audit-${name}`).length),
      ];
    })
    .toEqual([3, 1, 1, 1, 1]);
  expect(of(entries, "audit-allowed")[0]).toMatchObject({
    service: "receiver",
    allowed: true,
    scope: "publish",
    method: "post",
    path: "/v1/notifications",
    tenant: "acme",
    source: { kind: "platform" },
    address: expect.stringContaining("127.0.0.1"),
  });
  expect(of(entries, "audit-refused")[0]).toMatchObject({ allowed: false, why: 'the token does not allow "publish"' });
  expect(of(entries, "audit-expired")[0]).toMatchObject({
    service: "distributor",
    allowed: false,
    why: expect.stringContaining("exp"),
  });
  await expect
    .poll(async () => (await audited()).some(({ service, allowed }) => service === "director" && allowed === false))
    .toBe(true);
  const { id } = await operator.does("POST", "/acme/keys", { name: "audited", scopes: ["publish"] });
  await expect
    .poll(async () => (await audited()).filter(({ path }) => path === `/v1/tenants/acme/keys/${id as string}`))
    .toMatchObject([{ method: "made", subject: "operator", allowed: true }]);
  // In a query it may be in a log: that is refused before it is looked at, by every service.
  for (const url of [`${desk.url}/v1/tenants`, `${distributor.url}/v1/poll`, `${distributor.url}/v1/sse`])
    expect((await fetch(`${url}?token=${tokens.operator}`)).status).toBe(400);
  await expect
    .poll(async () => (await audited()).flatMap(({ why, path }) => (why === "its token is in its query" ? path : [])))
    .toEqual(expect.arrayContaining(["/v1/tenants", "/v1/poll", "/v1/sse"]));
  const text = JSON.stringify(await audited());
  for (const token of Object.values(tokens)) expect(text).not.toContain(token.split(".")[2]);
});

test.for(TRANSPORTS)(
  "R19: a connection over %s is cut with a code when its subject is revoked, and a newer token comes back",
  async (transport) => {
    const client = `revoked-${transport}`;
    const publisher = await Publisher.of(stack);
    const first = await Subscriber.of(stack, { client, transport });
    const other = await Subscriber.of(stack, { client: `kept-${transport}`, transport });
    await Promise.all([first.connect(distributor), other.connect(distributor)]);
    await publisher.number([client, other.client], 3);
    await Promise.all([first.all(publisher), other.all(publisher)]);
    await operator.does("PUT", `/acme/revocations/${client}`, {});
    await first.until("it is cut", () => !first.open);
    if (transport !== "poll")
      expect(first.frames.at(-1)).toMatchObject({ type: "closing", code: 4004, reconnect: "token" });
    if (transport !== "sse") expect(first.end).toMatchObject({ code: 4004 });
    expect(other.open).toBe(true);
    await publisher.number(client, 2);
    // One that was issued in a later second than the revocation.
    await expect.poll(async () => connects(await stack.token({ client }))).toBe(200);
    const later = await Subscriber.of(stack, { client, transport });
    await later.connect(distributor, { cursor: first.cursor });
    await later.until("the rest is here", () => later.received.length === 2);
    expect(later.received.map(({ id }) => id)).toEqual(publisher.accepted(client).slice(3));
    await Promise.all([later.close(), other.close()]);
  },
);

test("R14, R19: a connection whose token has expired is closed with 4002; one that was told a new one goes on as it was", async () => {
  const publisher = await Publisher.of(stack);
  // Expired already, and good yet by the leeway: twenty seconds. A poll waits for as long, and is to be ended while it does.
  const open = async (name: string, transport: (typeof TRANSPORTS)[number]): Promise<Subscriber> =>
    (
      await Subscriber.of(stack, { client: `expires-${name}`, transport, ttl: transport === "poll" ? -20 : -10 })
    ).connect(distributor);
  const renewed = await open("renewed", "websocket");
  const left = await Promise.all(TRANSPORTS.map((transport) => open(transport, transport)));
  const clients = [renewed, ...left].map(({ client }) => client);
  await publisher.number(clients, 2);
  await Promise.all([renewed, ...left].map((subscriber) => subscriber.all(publisher)));
  await renewed.until("it is told that its token expires", () => renewed.frames.some(({ type }) => type === "refresh"));
  renewed.say(JSON.stringify({ type: "refresh", token: await stack.token({ client: renewed.client }) }));
  for (const subscriber of left) {
    await subscriber.until("it is closed", () => !subscriber.open);
    if (subscriber.transport !== "poll")
      expect(subscriber.frames.at(-1)).toMatchObject({ code: 4002, reconnect: "token" });
    if (subscriber.transport !== "sse") expect(subscriber.end).toMatchObject({ code: 4002 });
  }
  await publisher.number(clients, 2);
  await renewed.all(publisher);
  expect(renewed.frames.filter(({ type }) => type === "connected")).toHaveLength(1);
  await renewed.close();
  // With a new token in the header, and the cursor: the rest, and nothing again.
  for (const { client, transport, cursor } of left) {
    const later = await Subscriber.of(stack, { client, transport });
    await later.connect(distributor, { cursor });
    await later.until("the rest is here", () => later.received.length === 2);
    expect(later.received.map(({ id }) => id)).toEqual(publisher.accepted(client).slice(2));
    await later.close();
  }
});
