import { expect, test } from "vitest";
import type { InboxOf } from "@saasaparilla/shared/auth/policies/tenant-inbox.ts";
import { writeOptions } from "@saasaparilla/shared/protocol/options.ts";
import { PackWriter, type NewNotification } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { readItems } from "./items.ts";

const ID = "6e8bc430-9c3a-41d9-9669-0800200c9a66";
const events =
  (...taken: string[]): InboxOf =>
  (tenant) =>
    tenant === "acme" ? { events: taken, takes: (event) => taken.includes(event), items: 500, days: 30 } : undefined;

function recordOf(...notifications: Partial<NewNotification>[]) {
  const writer = new PackWriter();
  for (const one of notifications) writer.notification({ key: "acme/u", id: ID, payload: Buffer.from("1"), ...one });
  return { offset: 7, appended: 1_700_000_000_000, value: writer.take(), headers: {} };
}

test("an item has all that its list shows, and its data byte for byte", () => {
  const options = writeOptions({ collapse: "k", outcomes: "q", headers: '{"a":1}' });
  const payload = Buffer.from('{ "text": "h\\u00e9" }');
  const record = recordOf({}, { event: "order", ttl: 60, options, payload });
  const { items, unlisted, bad } = readItems(record, 3, events("order"));
  expect([unlisted, bad]).toEqual([1, []]);
  expect(items).toEqual([
    {
      tenant: "acme",
      client: "acme/u",
      sequence: "0003000000000007001",
      appended: 1_700_000_000_000,
      id: ID,
      event: "order",
      traceparent: "",
      followed: false,
      ttl: 60,
      options: { collapse: "k", outcomes: "q", headers: '{"a":1}' },
      data: payload,
    },
  ]);
});

test("other tenants, other events and queues are left out", () => {
  const record = recordOf(
    { key: "globex/u", event: "order" },
    { event: "other" },
    { key: "acme/{order}", event: "order" },
  );
  expect(readItems(record, 1, events("order"))).toEqual({ items: [], unlisted: 3, bad: [] });
});

test("a bad item is left out alone, and a malformed record as a whole", () => {
  const record = recordOf({}, { key: "no key" }, {});
  const { items, bad } = readItems(record, 1, events(""));
  expect(items.map(({ sequence }) => sequence.slice(-3))).toEqual(["000", "002"]);
  expect(bad).toEqual([expect.stringContaining("item 1 is for no client")]);
  for (const value of [null, Buffer.from("no pack"), record.value.subarray(0, -1)])
    expect(readItems({ ...record, value }, 1, events(""))).toEqual({
      items: [],
      unlisted: 0,
      bad: [expect.stringMatching(/./)],
    });
});
