import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { EndedNotification } from "@saasaparilla/shared/protocol/outcome.ts";
import { Quarantine } from "@saasaparilla/shared/postgres/quarantine.ts";
import { queueDepths } from "@saasaparilla/shared/postgres/queue-depths.ts";
import { QueueEnds } from "@saasaparilla/shared/postgres/queue-ends.ts";
import { StoredEnds } from "@saasaparilla/shared/postgres/stored-ends.ts";
import { openQueueTables, rowsOf, sequenceOf, type QueueTables } from "#tests/support/queue-store.ts";

let tables: QueueTables;
let stored: StoredEnds;
let ends: QueueEnds;
let ended: EndedNotification[];
/** Kafka's answer to the next outcomes. */
let kafka: Promise<unknown>;

beforeAll(async () => {
  tables = await openQueueTables();
  const append = (some: readonly EndedNotification[]): Promise<unknown> => {
    ended.push(...some);
    return kafka;
  };
  stored = new StoredEnds(tables.postgres, tables.namespace, { partitions: 4, append });
  ends = new QueueEnds(tables.postgres, tables.namespace, append);
});
afterAll(() => tables.close());

beforeEach(() => {
  ended = [];
  kafka = Promise.resolve();
});

const asks = { outcomes: "log" };
const of = (queue: string, ...numbers: number[]) => new Map([[queue, numbers.map(sequenceOf)]]);
const outcomes = () => ended.map(({ key, outcomes: name, outcome }) => [key, name, outcome]);

async function read(queue: string): Promise<number[]> {
  const [page] = await tables.store.read([{ queue, limit: 1_000 }]);
  return page!.messages.map(({ appended }) => appended - 1_700_000_000_000);
}

const rows = async (table: string, queue: string): Promise<number> => {
  const text = `select count(*)::int as rows from "${tables.namespace}".${table} where client = $1`;
  return (await tables.postgres.pool.query<{ rows: number }>(text, [queue])).rows[0]!.rows;
};

const update = (text: string, queue: string) =>
  tables.postgres.pool.query(text.replace("$schema", `"${tables.namespace}"`), [queue]);

function away(): void {
  kafka = Promise.reject(new Error("Kafka is away."));
  kafka.catch(() => {});
}

test("R63: a confirmed message leaves its queue when Kafka has its outcome, and others never wait for it", async () => {
  const queue = "acme/{confirmed}";
  await stored.insert([...rowsOf(queue, [1, 3], undefined, asks), ...rowsOf(queue, [2, 4])]);
  const left = await tables.store.confirm(of(queue, 1, 2, 3, 4));
  expect([left, await read(queue)]).toEqual([of(queue, 1, 3), [1, 3]]);
  away();
  await expect(ends.confirm(left)).rejects.toThrow("Kafka did not take");
  expect(await read(queue)).toEqual([1, 3]);
  kafka = Promise.resolve();
  ended = [];
  // 7 was never there.
  expect(await ends.confirm(of(queue, 1, 3, 7))).toEqual(of(queue, 7));
  expect([await read(queue), outcomes()]).toEqual([
    [],
    [
      [queue, "log", "acknowledged"],
      [queue, "log", "acknowledged"],
    ],
  ]);
  // A repeat is known, and a second insert stays invisible.
  expect(await tables.store.confirm(of(queue, 1, 3))).toEqual(new Map());
  await stored.insert(rowsOf(queue, [1, 2, 3, 4], undefined, asks));
  expect(await read(queue)).toEqual([]);
  await tables.store.sweep("", 1_000, 1_000);
  expect([await rows("stored_notifications", queue), await rows("claims", queue)]).toEqual([0, 0]);
});

test("R63: the sweep of queues leaves expired messages to the sweep that reports them", async () => {
  const queue = "acme/{expired}";
  await stored.insert([...rowsOf(queue, [1], Date.now() - 1_000, asks), ...rowsOf(queue, [2])]);
  expect(await tables.store.confirm(of(queue, 2))).toEqual(new Map());
  await tables.store.sweep("", 1_000, 1_000);
  expect(await rows("stored_notifications", queue)).toBe(1);
  await stored.sweep(10);
  expect([await rows("stored_notifications", queue), outcomes()]).toEqual([0, [[queue, "log", "expired"]]]);
});

test("R63: a message that goes to quarantine reports that it is dead, or stays in its queue", async () => {
  const queue = "acme/{spent}";
  await stored.insert([...rowsOf(queue, [1, 3], undefined, asks), ...rowsOf(queue, [2])]);
  const claim = async () => (await tables.store.claim([{ queue, limit: 10, seconds: 60, maxAttempts: 1 }]))[0]!;
  const spent = (...numbers: number[]) =>
    ends.quarantine({ queue, maxAttempts: 1, sequences: numbers.map(sequenceOf) });
  expect((await claim()).messages).toHaveLength(3);
  // A worker has it.
  expect([await spent(1), outcomes()]).toEqual([0, []]);
  await update(`update $schema.claims set until = now() - interval '1 second' where client = $1`, queue);
  const page = await claim();
  expect(page).toMatchObject({ messages: [], quarantined: 1, asking: [sequenceOf(1), sequenceOf(3)] });
  away();
  await expect(spent(1, 3)).rejects.toThrow("Kafka did not take");
  const quarantine = new Quarantine(tables.postgres, tables.namespace);
  const quarantined = async () => (await quarantine.list("acme", undefined, 10)).length;
  expect([await read(queue), await quarantined()]).toEqual([[1, 3], 1]);
  kafka = Promise.resolve();
  ended = [];
  // Confirmed after all.
  expect(await ends.confirm(of(queue, 3))).toEqual(new Map());
  expect([await spent(1, 3), await read(queue), await quarantined()]).toEqual([1, [], 2]);
  expect(outcomes().map(([, , outcome]) => outcome)).toEqual(["acknowledged", "dead"]);
});

test("R75: messages of two queues with one id stand beside each other in quarantine", async () => {
  const id = randomUUID();
  const queues = ["beta/{a}", "beta/{b}"];
  for (const queue of queues) {
    await stored.insert(rowsOf(queue, [1], undefined, { id }));
    const claim = () => tables.store.claim([{ queue, limit: 1, seconds: 60, maxAttempts: 1 }]);
    await claim();
    await update(`update $schema.claims set until = now() - interval '1 second' where client = $1`, queue);
    await claim();
  }
  const quarantine = new Quarantine(tables.postgres, tables.namespace);
  const list = async (...after: Parameters<Quarantine["list"]>[1][]) =>
    (await quarantine.list("beta", after[0], 10)).map(({ source }) => source);
  expect(await list()).toEqual(["queue/a", "queue/b"]);
  expect(await list({ id, source: "queue/a" })).toEqual(["queue/b"]);
  expect(await list({ id })).toEqual([]);
  const [first] = await quarantine.find("beta", id, "queue/b", 10);
  await quarantine.remove("beta", first!);
  expect(await list()).toEqual(["queue/a"]);
});

test("the depths are those of the longest and the oldest queue, without what is confirmed or expired", async () => {
  const { postgres, namespace } = tables;
  const depths = () => queueDepths(postgres, namespace, "delt");
  await postgres.pool.query(
    `insert into "${namespace}".access (kind, tenant, id, value, changed) values ('tenant', 'delta', '', '{}', -1)`,
  );
  expect(await depths()).toEqual({ last: undefined, messages: 0, seconds: 0 });
  const aged = (rows: ReturnType<typeof rowsOf>, seconds: number) =>
    rows.map((row) => ({ ...row, appended: Date.now() - seconds * 1_000 }));
  await tables.stored.insert([
    ...aged(rowsOf("delta/{a}", [1, 2, 3, 4]), 100),
    ...aged(rowsOf("delta/{b}", [1]), 500),
    ...aged(rowsOf("delta/{c}", [1, 2, 3, 4, 5, 6], Date.now() - 1_000), 900),
    ...aged(rowsOf("delta/client", [1, 2, 3, 4, 5, 6]), 900),
  ]);
  const near = (seconds: number) => expect.closeTo(seconds, -1.5);
  expect(await depths()).toEqual({ last: undefined, messages: 4, seconds: near(500) });
  await tables.store.confirm(of("delta/{b}", 1));
  await tables.store.confirm(of("delta/{a}", 1));
  expect(await depths()).toEqual({ last: undefined, messages: 3, seconds: near(100) });
});

test("the position of a queue goes when it is empty and has not moved for thirty days", async () => {
  const [empty, kept] = ["acme/{empty}", "acme/{kept}"];
  const sweep = () => tables.store.sweep("", 1_000, 1_000);
  for (const queue of [empty, kept]) {
    await tables.stored.insert(rowsOf(queue, [1, 2]));
    await tables.store.confirm(of(queue, 1));
  }
  await tables.store.confirm(of(empty, 2));
  await sweep();
  expect([await rows("queue_positions", empty), await rows("queue_positions", kept)]).toEqual([1, 1]);
  for (const queue of [empty, kept])
    await update(`update $schema.queue_positions set moved = now() - interval '31 days' where client = $1`, queue);
  await sweep();
  expect([await rows("queue_positions", empty), await rows("queue_positions", kept)]).toEqual([0, 1]);
  await tables.stored.insert(rowsOf(empty, [3]));
  expect(await tables.store.confirm(of(empty, 3))).toEqual(new Map());
  expect([await rows("queue_positions", empty), await read(kept)]).toEqual([1, [2]]);
});
