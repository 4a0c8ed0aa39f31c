import fc from "fast-check";
import { expect, test } from "vitest";
import { ClientPatterns } from "./client-patterns.ts";

const name = fc.array(fc.constantFrom("a", "b", "/"), { maxLength: 5 }).map((parts) => parts.join(""));

test("a name matches an equal entry, or the text before a *", () => {
  const pattern = fc.oneof(
    name,
    name.map((text) => `${text}*`),
  );
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 5 }), name, (texts, asked) => {
      const fits = texts.some((text) => (text.endsWith("*") ? asked.startsWith(text.slice(0, -1)) : text === asked));
      expect(new ClientPatterns(texts).has(asked)).toBe(fits);
    }),
    { numRuns: 5_000 },
  );
});
