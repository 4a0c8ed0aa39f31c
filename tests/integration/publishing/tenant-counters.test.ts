import { randomBytes } from "node:crypto";
import type pg from "pg";
import { expect, test } from "vitest";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { packSequence, sequenceAt } from "@saasaparilla/shared/protocol/notification.ts";
import { connectPostgres, type Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { StoredNotifications } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import { StoredTenants } from "@saasaparilla/shared/postgres/stored-tenants.ts";
import { counted } from "#tests/support/tenant-counters.ts";
import { startStack } from "#tests/support/stack.ts";

/** Tables without directors: directors would use them, too. */
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

test("concurrent statements on the same counter rows do not deadlock, and every counter is exact", async () => {
  await withTables(async (own, namespace) => {
    // Of 17 connections two share a shard.
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
          // A second run changes nothing.
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
      const { said, are } = await counted(own, namespace, `t${n}`);
      expect(said).toEqual(are);
    }
  });
});

test("one director at a time counts a tenant's clients, and sets one mark for its limit", async () => {
  await withTables(async (own, namespace) => {
    const [stored, tenants] = [new StoredNotifications(own, namespace), new StoredTenants(own, namespace)];
    const rows = Array.from({ length: 30 }, (_, n) => ({
      client: `a/c${n % 10}`,
      sequence: sequenceAt(packSequence(0, n), 1),
      appended: Date.now(),
      expires: undefined,
      body: randomBytes(20),
    }));
    // Names before and after the tenant's own are not its own.
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
    // The count is not due.
    expect(await tenants.countNext()).toBeUndefined();
    expect([await tenants.mark("a", "bytes"), await tenants.mark("a", "bytes")]).toEqual([true, false]);
    expect(await tenants.mark("a", "clients")).toBe(true);
    expect(await tenants.full(10)).toEqual([{ tenant: "a", bound: "clients" }]);
    expect(await tenants.of([])).toEqual([{ tenant: "a", bytes: 600, clients: 10, full: "clients" }]);
    expect([await tenants.clear("a"), await tenants.clear("a")]).toEqual([true, false]);
  });
});
