import { expect, test } from "vitest";
import type { Incoming } from "@saasaparilla/shared/kafka/client.ts";
import { readRows } from "./rows.ts";

const ID = "6e8bc430-9c3a-41d9-9669-0800200c9a66";
const DAY = 20_000;
const place = { day: DAY, partition: 3, offset: 7 };
const from = { service: "director", instance: "one" };

function recordOf(value: unknown, headers: Record<string, string> = from): Incoming {
  const bytes = typeof value === "string" ? Buffer.from(value) : Buffer.from(JSON.stringify(value));
  return { offset: 7, appended: DAY * 86_400_000 + 5, value: bytes, headers };
}

test("each line is a row, named by its place, on the day of the append", () => {
  const detail = { why: "lost" };
  const gap = [9, "gap", "", "", { from: 4, count: 12 }];
  const { events, gaps, bad } = readRows(recordOf([[8, "stored", "acme/u1", ID, detail], gap]), 3);
  const stored = { tenant: "acme", client: "u1", id: ID, at: 8, kind: "stored", detail: JSON.stringify(detail) };
  expect(events).toEqual([{ ...place, ...from, ...stored, item: 0 }]);
  expect(gaps).toEqual([{ ...place, ...from, item: 1, began: 4, ended: 9, count: 12 }]);
  expect(bad).toEqual([]);
});

test("a kind of a later version is kept, and a publication to many has no client", () => {
  const { events } = readRows(recordOf([[8, "escalated", "acme/", ID, {}]]), 3);
  expect(events).toMatchObject([{ kind: "escalated", tenant: "acme", client: "" }]);
});

test.each([
  ["no JSON", "[1,"],
  ["no array", { at: 1 }],
])("a record that is %s is left out as a whole", (_, value) => {
  const { events, bad } = readRows(recordOf(value), 3);
  expect([events, bad.length]).toEqual([[], 1]);
});

test("a bad line is left out, and the others keep their places", () => {
  const good = [8, "stored", "acme/u1", ID, {}];
  const wrong = [
    [8, "stored", "no tenant", ID, {}],
    [8, "stored", "acme/u1", "no id", {}],
    ["8", "stored", "acme/u1", ID, {}],
    [1e18, "stored", "acme/u1", ID, {}],
    [8, "stored", "acme/u1", ID, "text"],
    [8, "gap", "", "", { from: 4 }],
    null,
  ];
  const { events, bad } = readRows(recordOf([...wrong, good]), 3);
  expect(bad).toHaveLength(wrong.length);
  expect(events).toMatchObject([{ item: wrong.length }]);
});

test("text that Postgres cannot store is replaced", () => {
  const detail = { why: "a\0b \ud800 c", deep: { text: "\0" } };
  const [row] = readRows(recordOf([[8, "dead-lettered", "acme/u\0", ID, detail]]), 3).events;
  expect(row!.client).toBe("u\u{FFFD}");
  expect(JSON.parse(row!.detail)).toEqual({ why: "a\u{FFFD}b \u{FFFD} c", deep: { text: "\u{FFFD}" } });
});
