import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { QueueStore } from "@saasaparilla/shared/postgres/queue-store.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { openQueueTables, rowsOf, type QueueTables } from "#tests/support/queue-store.ts";
import { SeededRandom } from "#tests/support/seeded-random.ts";

let tables: QueueTables;

beforeAll(async () => (tables = await openQueueTables()));
afterAll(() => tables.close());

const QUEUES = ["acme/{a}", "acme/{b}"];
const MESSAGES = 300;
const WORKERS = 6;
const CLAIM_SECONDS = 2;

test("R72: workers that compete never have the same message at once, and each message is handled", async () => {
  const random = new SeededRandom(72);
  // Each worker is a process of its own, and its statements really run beside those of others.
  const options = { service: "test", log: createLog("test", "warn"), health: new Health([]), connections: 2 };
  const pools = Array.from({ length: 3 }, () => connectPostgres(process.env.DATABASE_URL!, options));
  const all = QUEUES.flatMap((queue) =>
    rowsOf(
      queue,
      Array.from({ length: MESSAGES }, (_, number) => number),
    ),
  );
  const heldUntil = new Map<string, number>();
  const confirmed = new Map<string, number>();
  let overlaps = 0;
  let deaths = 0;

  async function work(store: QueueStore): Promise<void> {
    while (confirmed.size < all.length) {
      const queue = random.pick(QUEUES);
      const limit = 1 + random.below(20);
      const asked = performance.now();
      const [page] = await store.claim([{ queue, limit, seconds: CLAIM_SECONDS, maxAttempts: undefined }]);
      const messages = page!.messages.map((message) => ({ ...message, name: `${queue} ${message.sequence}` }));
      if (messages.length === 0) await sleep(20);
      const answered = performance.now();
      for (const { name } of messages) {
        if (answered < (heldUntil.get(name) ?? 0) || asked > (confirmed.get(name) ?? Infinity)) overlaps += 1;
        // Postgres counts from a moment after the request.
        heldUntil.set(name, asked + CLAIM_SECONDS * 1_000);
      }
      const fate = random.below(10);
      if (fate === 0) {
        deaths += 1;
        continue;
      }
      const some = fate === 1 ? messages.filter(() => random.below(2) === 0) : messages;
      const rest = messages.filter((message) => !some.includes(message));
      for (const { name } of rest) heldUntil.delete(name);
      await store.renew(new Map([[queue, rest.map(({ sequence, attempts }) => ({ sequence, attempts, seconds: 0 }))]]));
      const unknown = await store.confirm(new Map([[queue, some.map(({ sequence }) => sequence)]]));
      expect(unknown.size).toBe(0);
      for (const { name } of some) confirmed.set(name, performance.now());
    }
  }

  try {
    // Rows arrive while workers work, and those of the first half are inserted again, as after a takeover.
    const arrive = async (): Promise<void> => {
      for (let at = 0; at < MESSAGES; at += 50)
        for (const queue of QUEUES) {
          const rows = all.filter(({ client }) => client === queue);
          await tables.stored.insert(rows.slice(at, at + 50));
          await tables.stored.insert(rows.slice(0, at));
        }
    };
    const stores = pools.map((postgres) => new QueueStore(postgres, tables.namespace));
    await Promise.all([arrive(), ...Array.from({ length: WORKERS }, (_, worker) => work(stores[worker % 3]!))]);
    expect(overlaps).toBe(0);
    expect(deaths).toBeGreaterThan(0);
    await tables.stored.insert(all);
    await tables.store.sweep("", 100, 1_000);
    expect(await tables.store.nonEmpty(QUEUES)).toEqual([]);
    const left = `select (select count(*)::int from "${tables.namespace}".claims) as claims,
      (select count(*)::int from "${tables.namespace}".stored_notifications) as stored`;
    expect((await tables.postgres.pool.query(left)).rows).toEqual([{ claims: 0, stored: 0 }]);
  } finally {
    await Promise.all(pools.map((postgres) => postgres.close()));
  }
});
