import fc from "fast-check";
import { expect, test } from "vitest";
import { oneLine, JsonScanner } from "./json-scanner.ts";

/** JSON in several spellings of one value: spaces, escapes, repeated members, any form of number. */
const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
const scalar = fc.oneof(
  fc.constantFrom(
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1.0",
    "1e400",
    "12345678901234567890",
    "1E-2",
    '"\\""',
    '"\\\\"',
    '"]}"',
    '"\\u0064"',
  ),
  fc.string({ unit: "grapheme" }).map((text) => JSON.stringify(text)),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
);
const key = fc.oneof(
  fc.constantFrom('"data"', '"d\\u0061ta"', '"\\u0064ata"', '"dat"', '"data "', '"to"', '"datä"', '"da\\"a"', '""'),
  fc.string({ unit: "grapheme" }).map((text) => JSON.stringify(text)),
);
const { value, object } = fc.letrec<{ value: string; object: string; array: string }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, scalar, tie("object"), tie("array")),
  object: fc
    .array(fc.tuple(space, key, space, space, tie("value"), space), { maxLength: 4 })
    .map((members) => `{${members.map(([a, name, b, c, of, d]) => `${a}${name}${b}:${c}${of}${d}`).join(",") || " "}}`),
  array: fc
    .array(fc.tuple(space, tie("value"), space), { maxLength: 4 })
    .map((elements) => `[${elements.map((element) => element.join("")).join(",")}]`),
}));

function dataOf(parsed: unknown): unknown {
  return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) && Object.hasOwn(parsed, "data")
    ? (parsed as { data: unknown }).data
    : undefined;
}

test("the depth is the number of nested arrays and objects", () => {
  const depthOf = (parsed: unknown): number =>
    typeof parsed === "object" && parsed !== null ? 1 + Math.max(0, ...Object.values(parsed).map(depthOf)) : 0;
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (data) => {
      const text = Buffer.from(JSON.stringify({ other: [[[]]], data, more: [[[[]]]] }));
      expect(new JsonScanner(text).member("data")?.depth).toBe(depthOf(data));
    }),
  );
});

test("the span of data is the text that JSON.parse reads there, for every element of an array", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(space, fc.oneof(object, value), space)), (elements) => {
      const text = Buffer.from(`[${elements.map((element) => element.join("")).join(",")}]`);
      const scanner = new JsonScanner(text);
      expect(scanner.enterArray()).toBe(true);
      for (const parsed of JSON.parse(text.toString()) as unknown[]) {
        const span = scanner.member("data");
        const found = span && (JSON.parse(text.toString("utf8", span.start, span.end)) as unknown);
        expect(found).toStrictEqual(dataOf(parsed));
        const raw = span && text.toString("utf8", span.start, span.end);
        expect(raw).toBe(raw?.trim());
        expect(span?.line).toBe(raw === undefined ? undefined : !/[\r\n]/.test(raw));
      }
    }),
    { numRuns: 2_000 },
  );
});

test("data is found as it was written", () => {
  const written = (text: string): string | undefined => {
    const span = new JsonScanner(Buffer.from(text)).member("data");
    return span && Buffer.from(text).toString("utf8", span.start, span.end);
  };
  expect(written('{"data":12345678901234567890}')).toBe("12345678901234567890");
  expect(written(' { "to" : {"data": 1} , "data" : 1.0 } ')).toBe("1.0");
  expect(written('{"data":1,"d\\u0061ta":{ "b" : [ ] }, "x":2}')).toBe('{ "b" : [ ] }');
  expect(written('{"ä":"€","data":"\\u00e4ä"}')).toBe('"\\u00e4ä"');
  expect(written('{"dat":1}')).toBeUndefined();
  expect(written("[1]")).toBeUndefined();
});

test("data on one line is the same value", () => {
  fc.assert(
    fc.property(value, (text) => {
      const line = oneLine(Buffer.from(text)).toString();
      expect(line).not.toMatch(/[\r\n]/);
      expect(JSON.parse(line)).toStrictEqual(JSON.parse(text));
    }),
    { numRuns: 2_000 },
  );
});

test("deep nesting is safe", () => {
  const deep = `{"data":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  expect(new JsonScanner(Buffer.from(deep)).member("data")).toEqual({
    start: 8,
    end: 200_008,
    depth: 100_000,
    line: true,
  });
});
