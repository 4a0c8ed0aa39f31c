import { nameOf, problemOf } from "@saasaparilla/shared/http/problem.ts";
import { PROBLEM_TYPES, type ProblemName } from "@saasaparilla/shared/http/problem-types.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { clientForbidden, idReused } from "#api/item-problems.ts";
import type { Item } from "./item.ts";
import { recallVerdicts, writeVerdicts } from "./stored-outcomes.ts";

const FINAL: ProblemName[] = [
  "not-json",
  "invalid-shape",
  "invalid-value",
  "too-large",
  "client-forbidden",
  "id-reused",
];
const TEMPORARY: ProblemName[] = ["in-progress", "client-full", "unavailable", "outcome-unknown"];
/** The largest possible MAX_BATCH_ITEMS. */
const MOST = 10_000;

const itemsOf = (outcomes: Item["outcome"][]): Item[] =>
  outcomes.map((outcome, index) => ({
    index,
    pointer: `/${index}`,
    line: index + 1,
    published: undefined,
    payload: Buffer.alloc(0),
    options: undefined,
    id: `id-${index}`,
    outcome,
    cost: 1,
  }));
const open = (count: number): Item[] => itemsOf(Array.from({ length: count }, () => "open"));

const outcome = fc.oneof(
  fc.constantFrom<Item["outcome"]>("accepted", "repeated"),
  fc.constantFrom(...FINAL, ...TEMPORARY).map((slug) => problemOf(slug)),
);

test("a repeat recalls accepted and finally refused items, and temporary refusals stay open", () => {
  fc.assert(
    fc.property(fc.array(outcome, { minLength: 1, maxLength: 50 }), (outcomes) => {
      const again = open(outcomes.length);
      const text = writeVerdicts(itemsOf(outcomes));
      expect(text.length).toBeLessThanOrEqual(outcomes.length);
      recallVerdicts(again, text);
      const told = again.map(({ outcome: one }) => (typeof one === "object" ? nameOf(one) : one));
      expect(told).toEqual(
        outcomes.map((one) => {
          if (typeof one === "string") return "repeated";
          return TEMPORARY.includes(nameOf(one)) ? "open" : nameOf(one);
        }),
      );
    }),
  );
});

test("each problem of an item is final or temporary by its status", () => {
  for (const slug of FINAL) expect([400, 403, 413, 422]).toContain(PROBLEM_TYPES[slug].status);
  for (const slug of TEMPORARY) expect([409, 429, 503]).toContain(PROBLEM_TYPES[slug].status);
});

test("a fully accepted request is the empty text; runs are counted", () => {
  expect(writeVerdicts(itemsOf(["accepted", "repeated", "accepted"]))).toBe("");
  const refused = Array.from({ length: 998 }, () => problemOf("invalid-value"));
  expect(writeVerdicts(itemsOf(["accepted", ...refused, problemOf("client-full")]))).toBe("av998o");
});

test("at the limit, all but one refused, each unlike the one before: one character for each item", () => {
  const outcomes = Array.from({ length: MOST }, (_, n) =>
    n === MOST - 1 ? ("accepted" as const) : problemOf(FINAL[n % FINAL.length]!),
  );
  const text = writeVerdicts(itemsOf(outcomes));
  expect(text).toHaveLength(MOST);
  const again = open(MOST);
  recallVerdicts(again, text);
  expect(again.at(-1)!.outcome).toBe("repeated");
  expect(again.slice(0, -1).every((item, n) => nameOf(item.outcome as never) === FINAL[n % FINAL.length])).toBe(true);
});

test("a refused item's errors are found again, with pointer and line", () => {
  const judged = problemOf("invalid-value", undefined, { errors: [] });
  const items = itemsOf([judged, "open", "open", "open", clientForbidden({ pointer: "/4", line: 5 })]);
  recallVerdicts(items, "vfila");
  expect(items[0]!.outcome).toBe(judged);
  expect(items[1]!.outcome).toEqual(clientForbidden({ pointer: "/1", line: 2 }));
  expect(items[2]!.outcome).toEqual(idReused({ pointer: "/2", line: 3 }));
  expect(items[3]!.outcome).toMatchObject({ type: "/problems/too-large", errors: [{ pointer: "/3", line: 4 }] });
  // It was accepted before its publisher lost the client.
  expect(items[4]!.outcome).toBe("repeated");
});

test("an unreadable entry is never called accepted", () => {
  for (const text of ["z", "z3", "o3", "?", "3", "A3", "o"]) {
    const items = open(3);
    recallVerdicts(items, text);
    expect(items.map((item) => item.outcome)).toEqual(["open", "open", "open"]);
  }
  const items = open(3);
  recallVerdicts(items, "a99999999999f");
  expect(items.map((item) => item.outcome)).toEqual(["repeated", "repeated", "repeated"]);
});

test("an item without a recoverable id is not called accepted", () => {
  const items = itemsOf([problemOf("too-large"), "open"]);
  items[0]!.id = "";
  recallVerdicts(items, "");
  expect(items.map((item) => item.outcome)).toEqual([problemOf("too-large"), "repeated"]);
});

test("an accepted item stays accepted in the entry, even if it would be refused now", () => {
  const items = open(2);
  // A limit has gone down since: the parser gives the item no id.
  Object.assign(items[0]!, { id: "", outcome: problemOf("too-large") });
  recallVerdicts(items, "ao");
  items[1]!.outcome = "accepted";
  expect(writeVerdicts(items)).toBe("a2");
});
