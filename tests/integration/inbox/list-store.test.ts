import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ItemStore } from "#services/courier/inbox/item-store.ts";
import { ListStore, type ListBounds } from "#services/courier/lists/list-store.ts";
import { MarkStore } from "#services/courier/lists/mark-store.ts";
import { packSequence } from "@saasaparilla/shared/protocol/notification.ts";
import { itemOf } from "#tests/support/inbox-items.ts";
import { openQueueTables, sequenceOf, type QueueTables } from "#tests/support/queue-store.ts";

let tables: QueueTables;
let items: ItemStore;
let marks: MarkStore;
let lists: ListStore;

beforeAll(async () => {
  tables = await openQueueTables();
  items = new ItemStore(tables.postgres, tables.namespace);
  marks = new MarkStore(tables.postgres, tables.namespace);
  lists = new ListStore(tables.postgres, tables.namespace);
});

afterAll(() => tables.close());

const boundsOf = (client: string): ListBounds => ({ client: `acme/${client}`, items: 500, days: 30 });

async function listed(client: string): Promise<number[]> {
  const page = await lists.page({ ...boundsOf(client), before: undefined, limit: 500 });
  return page.items.map(({ data }) => JSON.parse(data.toString()) as number);
}

test("a repeat of an id in a later batch is not listed, and counts nothing", async () => {
  const id = randomUUID();
  await items.insert([itemOf("repeat", 1, { id }), itemOf("repeat", 2)]);
  await items.insert([itemOf("repeat", 3, { id })]);
  expect(await listed("repeat")).toEqual([2, 1]);
  expect(await lists.counts(boundsOf("repeat"))).toEqual({ unread: 2, unseen: 2 });
  await marks.write("acme/repeat", "read", { ids: [id] });
  expect(await lists.counts(boundsOf("repeat"))).toEqual({ unread: 1, unseen: 1 });
});

test("a repeat of an id with a collapse key hides no item between", async () => {
  const id = randomUUID();
  const options = { collapse: "k" };
  // The first row has no key, so that all three rows exist: the repeat is inserted before the item between.
  await items.insert([itemOf("between", 1, { id }), itemOf("between", 3, { id, options })]);
  await tables.postgres.pool.query(
    `update "${tables.namespace}".inbox_items set collapse = null where client = 'acme/between'`,
  );
  await items.insert([itemOf("between", 2, { options })]);
  await tables.postgres.pool.query(
    `update "${tables.namespace}".inbox_items set collapse = 'k' where client = 'acme/between' and sequence > $1`,
    [sequenceOf(2)],
  );
  expect(await listed("between")).toEqual([2, 1]);
});

test("after a deletion, items before the end of accepted are not listed, also those that are inserted late", async () => {
  const client = "acme/forgotten";
  await items.insert([itemOf("forgotten", 1), itemOf("forgotten", 2)]);
  await marks.write(client, "read", { upTo: sequenceOf(1) });
  expect(await marks.forget(client, packSequence(0, 4))).toBe(2);
  await items.insert([itemOf("forgotten", 2), itemOf("forgotten", 3), itemOf("forgotten", 4)]);
  expect(await listed("forgotten")).toEqual([4]);
  expect(await lists.counts(boundsOf("forgotten"))).toEqual({ unread: 1, unseen: 1 });
  expect(await marks.forget(client, packSequence(0, 5))).toBe(3);
  expect(await listed("forgotten")).toEqual([]);
});

test("a client has at most 2,000 marks without an item: further ones drop them, and marks of items hold", async () => {
  const item = itemOf("bounded", 1);
  const client = "acme/bounded";
  const ghosts = (count: number): string[] => Array.from({ length: count }, () => randomUUID());
  await items.insert([item]);
  expect((await marks.write(client, "read", { ids: [item.id] })).dropped).toBe(0);
  for (let round = 0; round < 2; round += 1)
    expect((await marks.write(client, "seen", { ids: ghosts(1_000) })).dropped).toBe(0);
  expect((await marks.write(client, "seen", { ids: ghosts(1) })).dropped).toBe(2_000);
  expect(await lists.counts(boundsOf("bounded"))).toEqual({ unread: 0, unseen: 0 });
  expect((await marks.write(client, "seen", { ids: ghosts(1) })).dropped).toBe(0);
});

test("an item asks for its outcome until Kafka has it", async () => {
  const [first, second] = [1, 2].map((number) => itemOf("asking", number, { options: { outcomes: "q" } }));
  await items.insert([first!, second!]);
  const upTo = { upTo: sequenceOf(2) };
  const asking = await lists.asking(boundsOf("asking"), upTo);
  expect(asking.map(({ id }) => id).sort()).toEqual([first!.id, second!.id].sort());
  await lists.answered(
    "acme/asking",
    asking.filter(({ id }) => id === first!.id),
  );
  expect((await lists.asking(boundsOf("asking"), upTo)).map(({ id }) => id)).toEqual([second!.id]);
  // A courier that reads the record again keeps the row as it is.
  await items.insert([first!]);
  expect((await lists.asking(boundsOf("asking"), upTo)).map(({ id }) => id)).toEqual([second!.id]);
});
