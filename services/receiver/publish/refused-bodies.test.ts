import { expect, test } from "vitest";
import { MOST_ERRORS, type Problem } from "@saasaparilla/shared/http/problem.ts";
import { publishResponse, count } from "./publish-response.ts";
import { costOf } from "./item-cost.ts";
import type { Item } from "./item.ts";
import { parse } from "./parse.ts";

const LIMITS = { MAX_DATA_BYTES: 65_536, MAX_BATCH_ITEMS: 1_000 };
const GOOD = '{"to":{"client":"u1"},"data":1}';

const read = (body: string, type = "application/json"): Item[] => parse(type, Buffer.from(body), LIMITS);
const unknown = (many: number): string =>
  `{${Array.from({ length: many }, (_, at) => `"_${at.toString(36)}":1`).join(",")}}`;
const told = (items: Item[]): { text: string; body: Problem } => {
  const text = publishResponse(items, count(items)).body as string;
  return { text, body: JSON.parse(text) as Problem };
};

test("a body without acceptable items is refused before parsing", () => {
  const large = "x".repeat(600 << 10);
  const many = Array.from({ length: 1_000 }, () => `{"to":{"client":"u1"},"data":"${"x".repeat(600)}"}`).join(",");
  for (const [body, problem] of [
    [unknown(300_000), "/problems/too-large"],
    [`[${GOOD},${unknown(300_000)}]`, "/problems/too-large"],
    [`{"to":${unknown(300_000)},"data":1}`, "/problems/too-large"],
    [`[${"{},".repeat(300_000)}{}]`, "/problems/too-large"],
    [`[${many},${GOOD}]`, "/problems/too-large"],
  ] as const)
    expect(() => read(body)).toThrow(expect.objectContaining({ problem: expect.objectContaining({ type: problem }) }));
  // Brackets and commas inside strings do not count, and a body at the limit is read.
  const strings = `{"to":{"client":"u1"},"data":1,"event":"${"[,".repeat(400_000)}"}`;
  expect(told(read(strings)).body.errors?.map(({ pointer }) => pointer)).toEqual(["/event"]);
  expect(read(`[${many}]`).every(({ outcome }) => outcome === "open")).toBe(true);
  expect(told(read(`{"to":{"client":"${large}"},"data":1}`)).body.errors?.[0]?.pointer).toBe("/to/client");
});

test("an answer lists 20 errors and their total number", () => {
  const { text, body } = told(read(unknown(30_000)));
  expect(body.errors).toHaveLength(MOST_ERRORS);
  // `to` and `data` are missing, too.
  expect(body.errorCount).toBe(30_002);
  expect(text.length).toBeLessThan(10_000);
});

test("a few errors are listed without a count", () => {
  const { body } = told(read('{"to":{"client":"u1","x":1},"data":1,"ttl":"a","z":2}'));
  expect(body.errors?.map(({ pointer }) => pointer)).toEqual(["/to/x", "/ttl", "/z"]);
  expect(body).not.toHaveProperty("errorCount");
});

test("an answer lists 20 errors in all, with a count for each item", () => {
  const bad = Array.from({ length: 500 }, () => unknown(50)).join(",");
  const refused = told(read(`[${bad}]`));
  expect(refused.body).toMatchObject({ errorCount: 500 * 52 });
  expect(refused.body.errors).toHaveLength(MOST_ERRORS);
  const items = read(`[${GOOD},${bad}]`);
  items[0]!.outcome = "accepted";
  const mixed = told(items);
  const verdicts = (JSON.parse(mixed.text) as { items: { problem?: Problem }[] }).items.slice(1);
  expect(verdicts).toHaveLength(500);
  expect(verdicts.flatMap(({ problem }) => problem?.errors ?? []).length).toBeLessThanOrEqual(MOST_ERRORS);
  expect(verdicts.every(({ problem }) => problem?.errorCount === 52)).toBe(true);
  expect(mixed.text.length).toBeLessThan(150_000);
});

test.for([
  ["a long name", `{"to":{"client":"u1"},"data":1,"${"n".repeat(1_000_000)}":1}`],
  ["a long client", `{"to":{"client":"${"c".repeat(1_000_000)}"},"data":1}`],
  ["a long name inside", `{"to":{"client":"u1","${"n".repeat(1_000_000)}":1},"data":1}`],
  ["a long event", `{"to":{"client":"u1"},"data":1,"event":"${"e".repeat(1_000_000)}"}`],
  ["invalid JSON", `${"x".repeat(1_000_000)}`],
] as const)("%s gets a bounded answer", ([, body]) => {
  let text: string;
  try {
    ({ text } = told(read(body)));
  } catch (error) {
    text = JSON.stringify((error as { problem: Problem }).problem);
  }
  expect(text.length).toBeLessThan(2_000);
});

test("a refused part costs its size, and a good one costs 1", () => {
  const items = read(`[${GOOD},${unknown(1_000)},${GOOD}]`);
  expect(items.map(({ cost }) => cost)).toEqual([1, Math.ceil(unknown(1_000).length / 1_024), 1]);
  expect(costOf(read(GOOD))).toBe(1);
  expect(costOf(read(unknown(20_000)))).toBe(Math.ceil(unknown(20_000).length / 1_024));
  expect(read(`${GOOD}\n${"x".repeat(5_000)}\n`, "application/x-ndjson").map(({ cost }) => cost)).toEqual([1, 5]);
});

test("a member named like a built-in property of objects is unknown, as any other", () => {
  const { body } = told(read('{"to":{"client":"u1"},"data":1,"__proto__":{"ttl":1},"constructor":2}'));
  expect(body.errors?.map(({ pointer }) => pointer)).toEqual(["/__proto__", "/constructor"]);
});
