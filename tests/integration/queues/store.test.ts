import { afterAll, beforeAll, expect, test } from "vitest";
import type { ClaimRequest } from "@saasaparilla/shared/postgres/queue-store.ts";
import { openQueueTables, rowsOf, sequenceOf, type QueueTables } from "#tests/support/queue-store.ts";

let tables: QueueTables;

beforeAll(async () => (tables = await openQueueTables()));
afterAll(() => tables.close());

const unlimited: Omit<ClaimRequest, "queue"> = { limit: 1_000, seconds: 60, maxAttempts: undefined };

const add = (queue: string, ...numbers: number[]): Promise<void> => tables.stored.insert(rowsOf(queue, numbers));

async function read(queue: string, limit = 1_000): Promise<number[]> {
  const [page] = await tables.store.read([{ queue, limit }]);
  return page!.messages.map(({ appended }) => appended - 1_700_000_000_000);
}

async function claim(queue: string, more: Partial<ClaimRequest> = {}) {
  const [page] = await tables.store.claim([{ queue, ...unlimited, ...more }]);
  return page!.messages.map(({ sequence, attempts }) => [Number.parseInt(sequence.slice(4, 16), 16), attempts]);
}

/** Returns the numbers that are unknown. */
async function confirm(queue: string, ...numbers: number[]): Promise<number[]> {
  const unknown = await tables.store.confirm(new Map([[queue, numbers.map(sequenceOf)]]));
  return (unknown.get(queue) ?? []).map((sequence) => Number.parseInt(sequence.slice(4, 16), 16));
}

const rows = async (table: string, queue: string): Promise<number> => {
  const text = `select count(*)::int as rows from "${tables.namespace}".${table} where client = $1`;
  return (await tables.postgres.pool.query<{ rows: number }>(text, [queue])).rows[0]!.rows;
};

const endClaims = (queue: string) =>
  tables.postgres.pool.query(
    `update "${tables.namespace}".claims set until = now() - interval '1 second' where client = $1 and until is not null`,
    [queue],
  );

test("of five messages with 2 and 4 confirmed, 1, 3 and 5 are left, in order", async () => {
  const queue = "acme/{five}";
  await add(queue, 1, 2, 3, 4, 5);
  expect(await confirm(queue, 4, 2)).toEqual([]);
  expect(await read(queue)).toEqual([1, 3, 5]);
  expect(await confirm(queue, 1)).toEqual([]);
  expect(await read(queue)).toEqual([3, 5]);
  // Only 4 stands behind the gap.
  expect(await rows("claims", queue)).toBe(1);
  expect(await confirm(queue, 3, 5)).toEqual([]);
  expect([await read(queue), await rows("claims", queue), await rows("stored_notifications", queue)]).toEqual([
    [],
    0,
    0,
  ]);
});

test("a confirmed message that is inserted again stays invisible, and is swept", async () => {
  const queue = "acme/{again}";
  await add(queue, 1, 2, 3, 4);
  await confirm(queue, 1, 3);
  await add(queue, 1, 2, 3, 4, 5);
  expect(await read(queue)).toEqual([2, 4, 5]);
  expect(await claim(queue)).toEqual([
    [2, 1],
    [4, 1],
    [5, 1],
  ]);
  await tables.store.sweep("", 1_000, 1_000);
  expect(await rows("stored_notifications", queue)).toBe(4);
  await confirm(queue, 2);
  await tables.store.sweep("", 1_000, 1_000);
  expect([await read(queue), await rows("stored_notifications", queue)]).toEqual([[4, 5], 2]);
  await confirm(queue, 4, 5);
  await add(queue, 1, 2, 3, 4, 5);
  expect([await read(queue), await claim(queue)]).toEqual([[], []]);
});

test("a repeated confirmation is known, and a message that never was is unknown", async () => {
  const queue = "acme/{repeated}";
  await add(queue, 1, 2, 3);
  expect(await confirm(queue, 3, 3, 9)).toEqual([9]);
  expect(await confirm(queue, 3)).toEqual([]);
  expect(await confirm(queue, 1, 2)).toEqual([]);
  expect(await confirm(queue, 1, 2, 3, 4)).toEqual([4]);
  expect(await confirm("acme/{never-there}", 1)).toEqual([1]);
  expect(await rows("queue_positions", "acme/{never-there}")).toBe(0);
});

test("a claim hides messages until it ends, counts attempts, and has an order", async () => {
  const queue = "acme/{claimed}";
  await add(queue, 1, 2, 3);
  expect(await claim(queue, { limit: 2 })).toEqual([
    [1, 1],
    [2, 1],
  ]);
  expect(await claim(queue)).toEqual([[3, 1]]);
  expect(await claim(queue)).toEqual([]);
  // A reader sees claimed messages, too.
  expect(await read(queue)).toEqual([1, 2, 3]);
  await endClaims(queue);
  expect(await claim(queue, { limit: 1 })).toEqual([[1, 2]]);
});

test("a claimed message that is confirmed behind a gap stays invisible when it is inserted again", async () => {
  const queue = "acme/{claimed-again}";
  await add(queue, 1, 2, 3);
  await claim(queue);
  expect(await confirm(queue, 2)).toEqual([]);
  await add(queue, 2);
  await endClaims(queue);
  expect(await read(queue)).toEqual([1, 3]);
  expect(await claim(queue)).toEqual([
    [1, 2],
    [3, 2],
  ]);
  await confirm(queue, 1, 3);
  expect([await read(queue), await rows("claims", queue)]).toEqual([[], 0]);
});

test("only the worker with the claim extends or releases it; a stale one may confirm", async () => {
  const queue = "acme/{renewed}";
  await add(queue, 1, 2);
  const one = { sequence: sequenceOf(1), attempts: 1 };
  const renew = async (seconds: number, attempts = 1) =>
    (await tables.store.renew(new Map([[queue, [{ ...one, attempts, seconds }]]]))).get(queue) ?? [];
  expect(await renew(60)).toHaveLength(1);
  await claim(queue);
  expect(await renew(60)).toEqual([]);
  expect(await renew(60, 2)).toHaveLength(1);
  expect(await renew(0)).toEqual([]);
  expect(await claim(queue, { limit: 1 })).toEqual([[1, 2]]);
  expect(await renew(60, 1)).toHaveLength(1);
  expect(await renew(0, 1)).toHaveLength(1);
  expect(await claim(queue)).toEqual([]);
  await endClaims(queue);
  expect(await renew(60, 2)).toHaveLength(1);
  expect(await confirm(queue, 1)).toEqual([]);
  expect(await read(queue)).toEqual([2]);
});

test("a message with its last attempt behind it goes to quarantine, and stays invisible", async () => {
  const queue = "acme/{poison}";
  await add(queue, 1, 2);
  for (const attempt of [1, 2]) {
    expect(await claim(queue, { limit: 1, maxAttempts: 2 })).toEqual([[1, attempt]]);
    await endClaims(queue);
  }
  const [page] = await tables.store.claim([{ queue, limit: 2, seconds: 60, maxAttempts: 2 }]);
  expect(page).toMatchObject({ quarantined: 1, quarantineFull: false });
  expect(page!.messages.map(({ sequence }) => sequence)).toEqual([sequenceOf(2)]);
  await add(queue, 1);
  expect(await read(queue)).toEqual([2]);
  expect(await confirm(queue, 1)).toEqual([]);
});

test("expired messages are not returned, and are no gap", async () => {
  const queue = "acme/{expired}";
  await tables.stored.insert(rowsOf(queue, [1, 3], Date.now() - 1_000));
  await add(queue, 2, 4);
  expect(await read(queue)).toEqual([2, 4]);
  await confirm(queue, 4);
  await confirm(queue, 2);
  expect(await rows("claims", queue)).toBe(0);
  await add(queue, 1, 2, 3, 4);
  expect([await read(queue), await claim(queue)]).toEqual([[], []]);
});

test("a gap that expires is closed by the sweep, and claims of messages that are gone are deleted", async () => {
  const queue = "acme/{swept}";
  await add(queue, 1, 2, 3, 4);
  await claim(queue);
  await confirm(queue, 2);
  await tables.postgres.pool.query(
    `delete from "${tables.namespace}".stored_notifications where client = $1 and sequence <> $2`,
    [queue, sequenceOf(4)],
  );
  await tables.postgres.pool.query(
    `update "${tables.namespace}".claims set until = now() - interval '1 hour' where client = $1 and until is not null`,
    [queue],
  );
  await tables.store.sweep("", 1_000, 1_000);
  // 4 is there still, with its attempt.
  expect([await rows("claims", queue), await claim(queue)]).toEqual([1, [[4, 2]]]);
});

test("a page ends at its limit or at its bytes, and says whether there are more", async () => {
  const queue = "acme/{pages}";
  await add(queue, 1, 2, 3);
  const [some, all] = await tables.store.read([
    { queue, limit: 2 },
    { queue, limit: 3 },
  ]);
  expect([some!.messages.length, some!.more, all!.messages.length, all!.more]).toEqual([2, true, 3, false]);
  const large = "acme/{large}";
  const huge = rowsOf(large, [1, 2, 3]).map((row) => ({
    ...row,
    body: Buffer.concat([row.body, Buffer.alloc(600_000, 32)]),
  }));
  await tables.stored.insert(huge);
  const [page] = await tables.store.read([{ queue: large, limit: 1_000 }]);
  expect([page!.messages.length, page!.more]).toEqual([2, true]);
  const [claimed] = await tables.store.claim([{ queue: large, limit: 1_000, seconds: 60, maxAttempts: undefined }]);
  expect(claimed!.messages).toHaveLength(2);
});
