import { randomBytes, randomUUID } from "node:crypto";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TENANT_ROW, tenantRow } from "@saasaparilla/shared/auth/policies/schema.ts";
import { PolicyStore } from "@saasaparilla/shared/auth/policies/store.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { packSequence, sequenceAt } from "@saasaparilla/shared/protocol/notification.ts";
import { connectPostgres, type Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { StoredNotifications } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import { StoredTenants } from "@saasaparilla/shared/postgres/stored-tenants.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

let stack: Stack;
let receiver: Service;
let distributor: Service;
let desk: Service;
let postgres: Postgres;

beforeAll(async () => {
  const env = { DRAIN_MS: "0", SWEEP_MS: "200", TENANTS: "bytes,clients,ttl,kill,other" };
  stack = await startStack({ services: ["receiver", "director", "distributor", "console"], env });
  [receiver, , distributor, desk] = stack.services as [Service, Service, Service, Service];
  postgres = connectPostgres(stack.env.DATABASE_URL!, {
    service: "test",
    log: createLog("test", "warn"),
    health: new Health([]),
    connections: 4,
  });
});

afterAll(async () => {
  await postgres.close();
  await stack.close();
});

async function limit(tenant: string, limits: Record<string, number>): Promise<void> {
  const value = tenantRow.parse({ trust: "scopes", limits });
  await new PolicyStore(postgres, stack.namespace).write({ kind: "tenant", tenant, id: TENANT_ROW, value });
}

interface Item {
  id: string;
  to: { client: string };
  ttl?: number;
  data: string;
}

const itemOf = (client: string, data = "", ttl?: number): Item => ({
  id: randomUUID(),
  to: { client },
  ...(ttl !== undefined && { ttl }),
  data,
});

async function publish(tenant: string, items: Item[]) {
  const response = await fetch(`${receiver.url}/v1/notifications`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${await stack.token({ publisher: "tests", tenant })}`,
    },
    body: JSON.stringify(items),
  });
  const { status, headers } = response;
  return { status, headers, body: (await response.json()) as { type?: string; detail?: string; accepted?: number } };
}

/** What the counters say, and what the table has. */
async function counted(tenant: string, schema = stack.namespace) {
  const { rows } = await postgres.pool.query<Record<string, string>>(
    `select (select coalesce(sum(notifications), 0) from "${schema}".tenant_stored where tenant = $1) as notifications,
            (select coalesce(sum(bytes), 0) from "${schema}".tenant_stored where tenant = $1) as bytes,
            count(*) as rows, coalesce(sum(octet_length(body)), 0) as held
     from "${schema}".stored_notifications where client like $1 || '/%'`,
    [tenant],
  );
  const [{ notifications, bytes, rows: held, held: heldBytes }] = rows as [Record<string, string>];
  return { said: [Number(notifications), Number(bytes)], are: [Number(held), Number(heldBytes)] };
}

const refusedAt = (bound: string): Promise<number> =>
  scrapeMetric(receiver, "publish_limited_total", `limit="${bound}"`);
/** Once a tenant is full, or is no more. */
const isFull = (full: boolean): Promise<void> =>
  expect.poll(() => scrapeMetric(receiver, "tenants_full"), { timeout: 30_000, interval: 50 }).toBe(full ? 1 : 0);

async function read(tenant: string, client: string, count: number): Promise<Subscriber> {
  const subscriber = await Subscriber.of(stack, { client, tenant, transport: "websocket" });
  await subscriber.connect(distributor);
  await subscriber.until("all is here", () => subscriber.received.length === count);
  return subscriber;
}

test("R56: a tenant with as many bytes stored as it may is refused, also for other clients, until they are read; what was accepted stays", async () => {
  await limit("bytes", { storedBytes: 50_000 });
  const first = Array.from({ length: 12 }, () => itemOf("away", "x".repeat(5_000)));
  expect((await publish("bytes", first)).body).toMatchObject({ accepted: 12 });
  await isFull(true);
  const refused = itemOf("another");
  const answer = await publish("bytes", [refused]);
  expect(answer).toMatchObject({ status: 429, body: { type: "/problems/tenant-full" } });
  expect(answer.body.detail).toContain("bytes");
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(answer.headers.get("ratelimit-policy")).toContain('"tenant-bytes"');
  expect(await refusedAt("stored-bytes")).toBe(1);
  // A repeat of what was accepted has its verdict, beside what is refused.
  expect(await publish("bytes", [first[0]!, itemOf("another")])).toMatchObject({ status: 202, body: { accepted: 1 } });
  // Another tenant goes on.
  expect((await publish("other", [itemOf("u")])).status).toBe(202);
  await receiver.logged(({ msg, tenant }) => msg === "Tenant refused at its limits" && tenant === "bytes");
  await expect
    .poll(async () => (await usageBy("bytes"))[0])
    .toMatchObject({ tenant: "bytes", stored: { notifications: 12, clients: 1, full: "bytes" } });

  const subscriber = await read("bytes", "away", first.length);
  expect(subscriber.received.map(({ id }) => id)).toEqual(first.map(({ id }) => id));
  await isFull(false);
  expect((await publish("bytes", [refused])).status).toBe(202);
  await subscriber.close();
  expect(await counted("bytes")).toMatchObject({ said: (await counted("bytes")).are });
});

test("R56: a tenant with something stored for as many clients as it may is refused, until one has read", async () => {
  await limit("clients", { storedClients: 5 });
  const items = Array.from({ length: 5 }, (_, n) => itemOf(`c${n}`));
  expect((await publish("clients", items)).body).toMatchObject({ accepted: 5 });
  await isFull(true);
  const answer = await publish("clients", [itemOf("c0")]);
  expect(answer).toMatchObject({ status: 429, body: { type: "/problems/tenant-full" } });
  expect(answer.body.detail).toContain("clients");
  expect(await refusedAt("stored-clients")).toBe(1);
  await (await read("clients", "c0", 1)).close();
  await isFull(false);
  expect((await publish("clients", [itemOf("c1")])).status).toBe(202);
});

test("R56: what expires makes room, and so does a higher limit", async () => {
  await limit("ttl", { storedBytes: 20_000 });
  await publish("ttl", [...Array.from({ length: 5 }, () => itemOf("away", "x".repeat(5_000), 1)), itemOf("away")]);
  await isFull(true);
  expect((await publish("ttl", [itemOf("away")])).status).toBe(429);
  await isFull(false);
  expect((await publish("ttl", [itemOf("away", "x".repeat(30_000))])).status).toBe(202);
  await isFull(true);
  await limit("ttl", { storedBytes: 1_000_000 });
  await isFull(false);
  expect((await publish("ttl", [itemOf("away")])).status).toBe(202);
});

test("counters are exact beside a director that is killed, and its partitions' next owner", async () => {
  const doomed = await stack.start("director");
  const clients = Array.from({ length: 200 }, (_, n) => `k${n}`);
  const waves = async (count: number): Promise<void> => {
    for (let wave = 0; wave < count; wave += 1)
      expect(
        (
          await publish(
            "kill",
            clients.map((client) => itemOf(client, randomBytes(50).toString("hex"))),
          )
        ).status,
      ).toBe(202);
  };
  await waves(5);
  const published = waves(15);
  doomed.kill("SIGKILL");
  await published;
  const total = clients.length * 20;
  await expect.poll(async () => (await counted("kill")).are[0], { timeout: 60_000 }).toBe(total);
  const { said, are } = await counted("kill");
  expect(said).toEqual(are);
  const usage = async () => (await usageBy("clients")).find(({ tenant }) => tenant === "kill")?.stored;
  await expect.poll(usage, { timeout: 30_000 }).toMatchObject({ notifications: total, clients: clients.length });
  await Promise.all(clients.slice(0, 20).map(async (client) => (await read("kill", client, 20)).close()));
  await expect.poll(async () => (await counted("kill")).said[0], { timeout: 30_000 }).toBe(total - 400);
  expect((await counted("kill")).said).toEqual((await counted("kill")).are);
  await expect.poll(usage, { timeout: 30_000 }).toMatchObject({ clients: clients.length - 20 });
}, 120_000);

async function usageBy(by: string, bearer?: string): Promise<{ tenant: string; stored: object }[]> {
  const token = bearer ?? (await stack.token({ publisher: "operator", scope: "read" }));
  const response = await fetch(`${desk.url}/v1/loudest-tenants?by=${by}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const body = (await response.json()) as { items: { tenant: string; stored: object }[] };
  expect([response.status, body]).toMatchObject([200, {}]);
  return body.items;
}

test("operators see the loudest tenants, a bounded number of them, and nobody else does", async () => {
  await limit("other", { publishRate: 0.001, publishBurst: 50 });
  // Until the receiver has read it.
  await expect
    .poll(
      async () =>
        (
          await publish(
            "other",
            Array.from({ length: 40 }, () => itemOf("u")),
          )
        ).status,
      { interval: 50 },
    )
    .toBe(429);
  await expect
    .poll(async () => {
      await publish(
        "other",
        Array.from({ length: 40 }, () => itemOf("u")),
      );
      return (await usageBy("refused"))[0];
    })
    .toMatchObject({ tenant: "other", refused: { tenant: expect.any(Number) as number } });
  const ask = async (query: string, token: string) => {
    const response = await fetch(`${desk.url}/v1/loudest-tenants${query}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: response.status, body: (await response.json()) as { items?: unknown[]; detail?: string } };
  };
  const operator = await stack.token({ publisher: "operator", scope: "read" });
  expect((await ask("?limit=1", operator)).body.items).toHaveLength(1);
  expect(await ask("?limit=101", operator)).toMatchObject({
    status: 400,
    body: { detail: "limit is a number from 1 to 100." },
  });
  expect(await ask("?by=name", operator)).toMatchObject({ status: 400 });
  expect(await ask("", await stack.token({ publisher: "own", tenant: "other", scope: "publish" }))).toMatchObject({
    status: 403,
  });
});

/** Tables without directors, which would look at them, too. */
async function withTables(use: (postgres: Postgres, namespace: string) => Promise<void>): Promise<void> {
  const idle = await startStack({ services: [] });
  const own = connectPostgres(idle.env.DATABASE_URL!, {
    service: "test",
    log: createLog("test", "warn"),
    health: new Health([]),
    connections: 20,
  });
  try {
    await use(own, idle.namespace);
  } finally {
    await own.close();
    await idle.close();
  }
}

test("statements of many tenants that count in the same rows do not wait for each other in a circle, and every counter is exact", async () => {
  await withTables(async (own, namespace) => {
    // Of 17 connections two have the same shard.
    const clients = await Promise.all(Array.from({ length: 17 }, () => own.pool.connect()));
    try {
      const shards = new Map<number, pg.PoolClient>();
      let pair: pg.PoolClient[] = [];
      for (const client of clients) {
        const { rows } = await client.query<{ shard: number }>("select pg_backend_pid() % 16 as shard");
        const { shard } = rows[0]!;
        if (shards.has(shard)) pair = [shards.get(shard)!, client];
        shards.set(shard, client);
      }
      let offset = 0;
      const works = pair.map(async (client, worker) => {
        const stored = new StoredNotifications({ pool: client } as unknown as Postgres, namespace);
        for (let round = 0; round < 60; round += 1) {
          const tenants = Array.from({ length: 40 }, (_, n) => `t${n}`).filter(() => Math.random() < 0.5);
          const rows = tenants.map((tenant) => ({
            client: `${tenant}/w${worker}`,
            sequence: sequenceAt(packSequence(0, (offset += 1)), 1),
            appended: Date.now(),
            expires: undefined,
            body: randomBytes(20 + worker),
          }));
          await stored.insert(rows);
          // A second time changes nothing.
          if (round % 5 === 0) await stored.insert(rows);
          if (round % 3 === 0)
            await stored.deleteUpTo(new Map(rows.map(({ client: key, sequence }) => [key, sequence])));
        }
      });
      await Promise.all(works);
    } finally {
      for (const client of clients) client.release();
    }
    for (let n = 0; n < 40; n += 1) {
      const { said, are } = await counted(`t${n}`, namespace);
      expect(said).toEqual(are);
    }
  });
});

test("one director counts a tenant's clients at a time, and a bound's mark is one", async () => {
  await withTables(async (own, namespace) => {
    const [stored, tenants] = [new StoredNotifications(own, namespace), new StoredTenants(own, namespace)];
    const rows = Array.from({ length: 30 }, (_, n) => ({
      client: `a/c${n % 10}`,
      sequence: sequenceAt(packSequence(0, n), 1),
      appended: Date.now(),
      expires: undefined,
      body: randomBytes(20),
    }));
    // Names on both sides of it are not its own.
    await stored.insert([...rows, { ...rows[0]!, client: "a-/c" }, { ...rows[0]!, client: "a0/c" }]);
    await tenants.follow(["a"]);
    await tenants.follow(["a"]);
    const client = await own.pool.connect();
    await client.query("begin");
    await client.query(`select from "${namespace}".tenant_clients for update`);
    expect(await tenants.countNext()).toBeUndefined();
    await client.query("rollback");
    client.release();
    expect(await tenants.countNext()).toBe("a");
    expect(await tenants.of(["a"])).toEqual([{ tenant: "a", bytes: 600, clients: 10, full: undefined }]);
    // It is not due.
    expect(await tenants.countNext()).toBeUndefined();
    expect([await tenants.mark("a", "bytes"), await tenants.mark("a", "bytes")]).toEqual([true, false]);
    expect(await tenants.mark("a", "clients")).toBe(true);
    expect(await tenants.full(10)).toEqual([{ tenant: "a", bound: "clients" }]);
    expect(await tenants.of([])).toEqual([{ tenant: "a", bytes: 600, clients: 10, full: "clients" }]);
    expect([await tenants.clear("a"), await tenants.clear("a")]).toEqual([true, false]);
  });
});
