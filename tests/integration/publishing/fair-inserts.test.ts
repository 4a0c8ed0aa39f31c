import pg from "pg";
import { expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

/** The delay of one insert. */
const INSERT_SECONDS = 1;
/** Far less than the inserts of the burst take. */
const SOON_MS = 9_000;

test("a burst for one tenant's offline clients outruns the inserts, and another tenant on the partition does not wait", async () => {
  const stack = await startStack({
    services: ["receiver", "director", "distributor"],
    env: { ACCEPTED_PARTITIONS: "1", PARTITION_MAX_UNSETTLED: "500", DRAIN_MS: "0" },
  });
  try {
    const [, director, distributor] = stack.services;
    const [loud, quiet] = await Promise.all([Publisher.of(stack), Publisher.of(stack, "other")]);
    const connect = async (client: string) => {
      const subscriber = await Subscriber.of(stack, { client, tenant: "other", transport: "websocket" });
      await subscriber.connect(distributor!);
      await subscriber.live();
      return subscriber;
    };
    const live = await connect("live");
    await quiet.number("live", 1);
    await live.all(quiet);

    // The partition pauses after each fetch of 1 MB. With a wait for an insert each time, reading all of these would
    // take over 12 s.
    const mend = await slowInserts(stack);
    const absent = Array.from({ length: 20 }, (_, index) => `absent-${index}`);
    await loud.number(absent, 500, "x".repeat(1_000));
    await quiet.number("live", 1);
    await quiet.number("away", 3);
    const began = performance.now();
    await live.all(quiet);
    // Its stored notifications are inserted, and it is held, but not behind the other tenant's deferred notifications.
    const away = await connect("away");
    await quiet.number("away", 1);
    await away.all(quiet);
    expect(performance.now() - began).toBeLessThan(SOON_MS);
    expect(await scrapeMetric(director!, "notifications_deferred_total", 'reason="share"')).toBeGreaterThan(5_000);

    await mend();
    for (const client of absent.slice(0, 3)) {
      const subscriber = await Subscriber.of(stack, { client, transport: "sse" });
      await subscriber.connect(distributor!);
      await subscriber.live();
      await subscriber.all(loud);
      expect(subscriber.duplicates).toBe(0);
      await subscriber.close();
    }
    expect(await scrapeMetric(director!, "notifications_deferred_total", 'reason="away"')).toBe(0);
    await live.close();
    await away.close();
  } finally {
    await stack.close();
  }
});

/** Makes every insert slow until the fault is removed. */
async function slowInserts({ namespace }: Stack): Promise<() => Promise<void>> {
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL!, max: 1 });
  const table = `"${namespace}".stored_notifications`;
  await pool.query(`create function "${namespace}".slow() returns trigger language plpgsql as
    $$ begin perform pg_sleep(${INSERT_SECONDS}); return null; end $$`);
  await pool.query(
    `create trigger slow before insert on ${table} for each statement execute function "${namespace}".slow()`,
  );
  return async () => {
    await pool.query(`drop trigger slow on ${table}`);
    await pool.end();
  };
}
