import { nameOf, type Problem } from "@saasaparilla/shared/http/problem.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Item } from "./item.ts";
import { parse } from "./parse.ts";

const limits = { MAX_DATA_BYTES: 100, MAX_BATCH_ITEMS: 50 };
const verdict = ({ outcome }: Item): string => (typeof outcome === "object" ? nameOf(outcome) : outcome);

const good = fc.record({
  to: fc.record({ client: fc.stringMatching(/^[a-z0-9]{1,20}$/) }),
  data: fc.jsonValue({ maxDepth: 1, stringUnit: "grapheme" }),
});
const bad = fc.oneof(
  fc.jsonValue(),
  fc.record({ to: fc.record({ client: fc.constantFrom("", "a b", "ä") }), data: fc.constant(1) }),
);
const items = fc.array(fc.oneof(good, bad), { minLength: 1, maxLength: 20 });

test("an array and equal lines get the same verdicts and payloads; every pointer leads into its own item", () => {
  fc.assert(
    fc.property(items, (sent) => {
      const array = parse("application/json", Buffer.from(JSON.stringify(sent)), limits);
      const lines = parse(
        "application/x-ndjson",
        Buffer.from(sent.map((item) => JSON.stringify(item)).join("\n")),
        limits,
      );
      expect(array.map(verdict)).toEqual(lines.map(verdict));
      expect(array.map(({ payload }) => payload.toString())).toEqual(lines.map(({ payload }) => payload.toString()));
      for (const { index, outcome, payload } of array) {
        if (typeof outcome === "object")
          for (const { pointer } of outcome.errors!) expect(`${pointer}/`).toMatch(new RegExp(`^/${index}/`));
        else expect(payload.toString()).toBe(JSON.stringify((sent[index] as { data: unknown }).data));
      }
    }),
  );
});

test("any bytes are accepted or refused, without a crash", () => {
  const text = fc.oneof(
    fc.uint8Array(),
    fc.string({ unit: "binary" }).map((value) => Buffer.from(value)),
    fc.json().map((value) => Buffer.from(value)),
  );
  fc.assert(
    fc.property(text, fc.constantFrom("application/json", "application/x-ndjson"), (bytes, type) => {
      try {
        for (const item of parse(type, Buffer.from(bytes), limits)) expect(verdict(item)).not.toBe("accepted");
      } catch (error) {
        expect((error as Error).name).toBe("Refusal");
      }
    }),
    { numRuns: 1_000 },
  );
});

test("lines count as in an editor; empty lines are not items", () => {
  const found = parse("application/x-ndjson", Buffer.from('\n \r\n{"to":{"client":"a"},"data":1}\n\n{\n'), limits);
  expect(found.map(({ index, line }) => [index, line])).toEqual([
    [0, 3],
    [1, 5],
  ]);
});

test("the size of data is the size of its text on one line", () => {
  const padded = `{"to":{"client":"a"},"data":[1,\n${" ".repeat(200)}2]}`;
  expect(parse("application/json", Buffer.from(padded), limits).map(({ payload }) => payload.toString())).toEqual([
    "[1,2]",
  ]);
  const long = `{"to":{"client":"a"},"data":"${"ä".repeat(50)}"}`;
  expect(parse("application/json", Buffer.from(long), limits).map(verdict)).toEqual(["too-large"]);
});

test("an invalid JSON line gets its reason and position beside any line", () => {
  const good = '{"to":{"client":"u1"},"data":1}';
  for (const neighbour of [good, good.replace("1}", '"ä"}')]) {
    const body = `${neighbour}\n\n{"to":}\n{"data":1`;
    const [first, second, third] = parse("application/x-ndjson", Buffer.from(body), limits);
    expect(first!.outcome).toBe("open");
    const told = [second, third].map((item) => (item!.outcome as Problem).errors![0]!);
    expect(told).toMatchObject([
      { pointer: "/1", line: 3, detail: expect.stringMatching(/^Unexpected token '}'/) },
      { pointer: "/2", line: 4, detail: expect.stringMatching(/^Expected ',' or '}'/) },
    ]);
  }
});
