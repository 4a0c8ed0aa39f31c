import { afterAll, beforeAll, expect, test } from "vitest";
import { periodMissing } from "@saasaparilla/shared/postgres/period-tables.ts";
import { ItemStore } from "#services/courier/inbox/item-store.ts";
import { itemOf, NOW } from "#tests/support/inbox-items.ts";
import { openQueueTables, type QueueTables } from "#tests/support/queue-store.ts";

const WEEK_MS = 7 * 86_400_000;
let tables: QueueTables;
let store: ItemStore;

beforeAll(async () => {
  tables = await openQueueTables();
  store = new ItemStore(tables.postgres, tables.namespace);
});

afterAll(() => tables.close());

interface Row {
  number: number;
  retract: boolean;
}

async function rowsOf(client: string): Promise<Row[]> {
  const { rows } = await tables.postgres.pool.query<{ sequence: string; retract: boolean }>(
    `select sequence, retract from "${tables.namespace}".inbox_items where client = $1 order by sequence`,
    [`acme/${client}`],
  );
  return rows.map(({ sequence, retract }) => ({ number: Number.parseInt(sequence.slice(4, 16), 16), retract }));
}

const numbers = async (client: string): Promise<number[]> => (await rowsOf(client)).map(({ number }) => number);

test("a row has all that its list needs, and null where the notification has nothing", async () => {
  const options = { collapse: "k", outcomes: "q", headers: '{"a":"\\u0000"}' };
  const traceparent = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
  const full = itemOf("full", 1, { event: "order", ttl: 60, options, traceparent, data: Buffer.from('{ "a" : 1 }') });
  const bare = itemOf("full", 2);
  await store.insert([full, bare]);
  const { rows } = await tables.postgres.pool.query(
    `select * from "${tables.namespace}".inbox_items where client = 'acme/full' order by sequence`,
  );
  const common = {
    client: "acme/full",
    week: Math.floor(NOW / WEEK_MS),
    appended: new Date(NOW),
    retract: false,
    followed: false,
  };
  const { sequence, id, data } = full;
  const expires = new Date(NOW + 60_000);
  expect(rows[0]).toEqual({ ...common, ...options, sequence, id, event: "order", traceparent, expires, data });
  const nothing = { event: null, collapse: null, outcomes: null, headers: null, traceparent: null, expires: null };
  expect(rows[1]).toEqual({ ...common, ...nothing, sequence: bare.sequence, id: bare.id, data: bare.data });
});

test("repeats change nothing, whatever their batch", async () => {
  const items = [1, 2, 3].map((number) => itemOf("repeats", number));
  expect(await store.insert(items.slice(0, 2))).toEqual({ inserted: 2, collapsed: 0, deleted: 0 });
  expect(await store.insert(items)).toEqual({ inserted: 1, collapsed: 0, deleted: 0 });
  expect(await store.insert(items.slice(1))).toEqual({ inserted: 0, collapsed: 0, deleted: 0 });
  expect(await numbers("repeats")).toEqual([1, 2, 3]);
});

/** All orders of a few things. */
function* orders<T>(things: readonly T[]): Generator<T[]> {
  if (things.length === 0) yield [];
  for (const [index, thing] of things.entries())
    for (const rest of orders(things.toSpliced(index, 1))) yield [thing, ...rest];
}

test("of one collapse key the latest stays, and a retract takes its place, in every order and split of batches", async () => {
  const client = "orders";
  const items = [
    itemOf(client, 1, { options: { collapse: "k" } }),
    itemOf(client, 2, { options: { collapse: "k" } }),
    itemOf(client, 3, { options: { collapse: "k", retract: true } }),
    itemOf(client, 4, { options: { collapse: "other" } }),
  ];
  for (const order of orders(items)) {
    for (const split of [1, 2, 4]) {
      await tables.postgres.pool.query(`delete from "${tables.namespace}".inbox_items where client = $1`, [
        `acme/${client}`,
      ]);
      for (let at = 0; at < order.length; at += split) {
        await store.insert(order.slice(at, at + split));
        // A zombie inserts again what it had.
        await store.insert(order.slice(0, at + split));
      }
      expect(await rowsOf(client)).toEqual([
        { number: 3, retract: true },
        { number: 4, retract: false },
      ]);
    }
  }
});

test("the same collapse key of another client is another key", async () => {
  await store.insert([
    itemOf("one", 1, { options: { collapse: "k" } }),
    itemOf("two", 2, { options: { collapse: "k" } }),
  ]);
  expect([await numbers("one"), await numbers("two")]).toEqual([[1], [2]]);
});

test("items on both sides of a week's end are in different partitions, and one collapse key spans them", async () => {
  const week = Math.floor(NOW / WEEK_MS);
  const end = week * WEEK_MS;
  const [before, after] = [end - 1, end];
  await store.insert([itemOf("weeks", 1, { appended: before }), itemOf("weeks", 2, { appended: after })]);
  const parts = await tables.postgres.pool.query<{ part: string }>(
    `select tableoid::regclass::text as part from "${tables.namespace}".inbox_items
     where client = 'acme/weeks' order by sequence`,
  );
  expect(parts.rows.map(({ part }) => Number(/\d+"?$/.exec(part)![0].replace('"', "")))).toEqual([week - 1, week]);
  const options = { collapse: "k" };
  await store.insert([itemOf("weeks", 3, { appended: before, options })]);
  expect(await store.insert([itemOf("weeks", 4, { appended: after, options })])).toMatchObject({ deleted: 1 });
  expect(await store.insert([itemOf("weeks", 3, { appended: before, options })])).toMatchObject({ collapsed: 1 });
  expect(await numbers("weeks")).toEqual([1, 2, 4]);
});

test("the newest rows of a client stay, across weeks", async () => {
  const items = Array.from({ length: 30 }, (_, number) =>
    itemOf("trim", number, { appended: NOW - (30 - number) * (WEEK_MS / 10) }),
  );
  await store.insert(items);
  await store.insert([itemOf("untrimmed", 1)]);
  expect(
    await store.trim(
      new Map([
        ["acme/trim", 10],
        ["acme/untrimmed", 10],
        ["acme/absent", 1],
      ]),
    ),
  ).toBe(20);
  expect(await numbers("trim")).toEqual(Array.from({ length: 10 }, (_, index) => 20 + index));
  expect(await numbers("untrimmed")).toEqual([1]);
});

/** The weeks of each table that has partitions. */
async function weeksOf(table: string): Promise<number[]> {
  const { rows } = await tables.postgres.pool.query<{ week: number }>(
    `select substring(inhrelid::regclass::text from '(\\d+)"?$')::int as week from pg_inherits
     where inhparent = $1::regclass order by week`,
    [`"${tables.namespace}".${table}`],
  );
  return rows.map(({ week }) => week);
}

test("the weeks of thirty days and two coming ones have tables; old ones are dropped, missing ones made", async () => {
  const week = Math.floor(NOW / WEEK_MS);
  const first = Math.floor((NOW / 86_400_000 - 31) / 7);
  const all = Array.from({ length: week + 3 - first }, (_, index) => first + index);
  const keep = () => tables.postgres.pool.query(`update "${tables.namespace}".inbox_weeks set due = now()`);
  for (const table of ["inbox_items", "inbox_marks", "inbox_clients"]) {
    expect(await weeksOf(table)).toEqual(all);
    const part = (of: number): string => `"${tables.namespace}"."${table}_${of}"`;
    await tables.postgres.pool.query(`drop table ${part(week)}`);
    await tables.postgres.pool.query(
      `create table ${part(first - 1)} partition of "${tables.namespace}".${table} for values in (${first - 1})`,
    );
  }
  const error = await store.insert([itemOf("missing", 1)]).catch((thrown: unknown) => thrown);
  expect(periodMissing(error)).toBe(true);
  // Services read meanwhile: making tables waits for none of them.
  const reading = await tables.postgres.pool.connect();
  await reading.query("begin");
  await reading.query(`select from "${tables.namespace}".inbox_items`);
  await keep();
  expect(await weeksOf("inbox_items")).toEqual([first - 1, ...all]);
  await reading.query("commit");
  reading.release();
  await keep();
  for (const table of ["inbox_items", "inbox_marks", "inbox_clients"]) expect(await weeksOf(table)).toEqual(all);
  await store.insert([itemOf("missing", 1)]);
  expect(await numbers("missing")).toEqual([1]);
});
