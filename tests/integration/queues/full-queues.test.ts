import { afterAll, beforeAll, expect, test } from "vitest";
import { FullInboxes } from "@saasaparilla/shared/postgres/full-inboxes.ts";
import { openQueueTables, rowsOf, sequenceOf, type QueueTables } from "#tests/support/queue-store.ts";

let tables: QueueTables;

beforeAll(async () => (tables = await openQueueTables()));
afterAll(() => tables.close());

const QUEUE = "acme/{jobs}";
const MOST = 20;

test("R55: a queue is full by its rows, and has room when a tenth is confirmed, in any order", async () => {
  const inboxes = new FullInboxes(tables.postgres, tables.namespace);
  const full = `"${tables.namespace}".full_clients`;
  const numbers = Array.from({ length: MOST }, (_, number) => number);
  const confirm = (...confirmed: number[]) => tables.store.confirm(new Map([[QUEUE, confirmed.map(sequenceOf)]]));
  const mark = () => inboxes.mark(new Map([[QUEUE, MOST]]));
  await tables.stored.insert(rowsOf(QUEUE, numbers.slice(1)));
  expect(await mark()).toEqual([]);
  await tables.stored.insert(rowsOf(QUEUE, numbers));
  expect(await mark()).toEqual([QUEUE]);
  expect(await inboxes.clearRead()).toEqual([]);

  // Confirmations behind the gap 0 take the place of their messages.
  await confirm(...numbers.slice(10));
  expect(await inboxes.clear(QUEUE, MOST)).toBe(false);
  await confirm(0);
  expect(await inboxes.clear(QUEUE, MOST)).toBe(false);
  await confirm(1);
  expect(await inboxes.toCount()).toBeUndefined();
  await tables.postgres.pool.query(`update ${full} set counted = now() - interval '6 seconds'`);
  expect(await inboxes.toCount()).toBe(QUEUE);
  expect(await inboxes.toCount()).toBeUndefined();
  expect(await inboxes.clear(QUEUE, MOST)).toBe(true);
  expect(await inboxes.all(10)).toEqual([]);
});
