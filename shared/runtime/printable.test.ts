import fc from "fast-check";
import { expect, test } from "vitest";
import { field, printable, printableJson } from "./printable.ts";

const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

test("a stranger's text has no control character, and none that changes the display of others", () => {
  const strange = fc.array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("\n", "\r", "\u001b[31m", "\u009b", "\u202e", "\u2066", "\u200b", "\ud800", "\u2028", "\t"),
    ),
  );
  fc.assert(
    fc.property(strange, (parts) => {
      const text = parts.join("");
      for (const shown of [printable(text), field(text), printableJson(text)]) expect(shown).not.toMatch(UNSAFE);
      expect(JSON.parse(printableJson({ text }))).toEqual({ text: text });
    }),
    { numRuns: 5_000 },
  );
});

test("a field that could be taken for several is quoted, and plain ones stay unchanged", () => {
  expect(field("auth0|507f")).toBe("auth0|507f");
  expect(field("x  allowed  acme/root")).toBe('"x  allowed  acme/root"');
  expect(field('"x"')).toBe('"\\"x\\""');
  expect(field("名前")).toBe('"名前"');
  expect(field("a\nb\u202e")).toBe('"a\\nb\\u202e"');
});
