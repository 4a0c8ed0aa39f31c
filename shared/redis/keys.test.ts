import fc from "fast-check";
import { expect, test } from "vitest";
import { Keys } from "./keys.ts";

/** Names made of the separators of keys. */
const name = fc
  .array(fc.constantFrom("a", "1", ":", "/", "{", "}", "-", "p", "key", "tenant"), { maxLength: 6 })
  .map((parts) => parts.join(""));
const made = fc.oneof(
  fc.tuple(fc.constant("connections"), name),
  fc.tuple(fc.constant("ticket"), fc.constantFrom("0a", "0b", "0a0b")),
  fc.tuple(fc.constant("slot"), fc.nat(20)),
  fc.tuple(fc.constant("publishedId"), name, name),
  fc.tuple(fc.constant("publishedKey"), fc.constantFrom("0a", "0b", "0a0b")),
  fc.tuple(fc.constant("publishedRetry"), fc.constantFrom("0a", "0b", "0a0b")),
  fc.tuple(fc.constant("rate"), name, fc.constantFrom("tenant", "publisher"), name),
) as fc.Arbitrary<[keyof Keys, ...unknown[]]>;

function keyOf([kind, ...parts]: [keyof Keys, ...unknown[]]): string {
  return (new Keys("n")[kind] as (...parts: unknown[]) => string)(...parts);
}

test("no two names share a key, whatever separators they have", () => {
  fc.assert(
    fc.property(made, made, (one, other) => {
      expect(keyOf(one) === keyOf(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
    }),
    { numRuns: 20_000 },
  );
});
