import type { Identity, Source } from "@saasaparilla/shared/auth/identity.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { derivedId, nameOfKey, readKey } from "./idempotency-key.ts";

test("a key is a quoted string, or the bare text", () => {
  expect(readKey(undefined)).toBeUndefined();
  expect(readKey('"abc"')).toBe("abc");
  expect(readKey("abc")).toBe("abc");
  expect(readKey('"a\\"b\\\\c"')).toBe('a"b\\c');
  for (const wrong of ["", '"', '""', '"a', 'a"b', '"a"b"', "ä", "x".repeat(256)])
    expect(() => readKey(wrong)).toThrow("Idempotency-Key");
});

/** Texts of separators, of JSON syntax, and of halves of a character. */
const text = fc
  .array(fc.constantFrom("a", "1", ",", '"', "\\", "[", "]", "\0", ":", "{", "}", "\ud800", "\udc00", "ä", "key"), {
    maxLength: 5,
  })
  .map((parts) => parts.join(""));
const source: fc.Arbitrary<Source> = fc.oneof(
  fc.constant({ kind: "platform" as const }),
  text.map((name) => ({ kind: "issuer" as const, name })),
  text.map((id) => ({ kind: "key" as const, id })),
);
const asked = fc.record({ tenant: text, source, subject: text, key: text });

const nameOf = ({ key, ...publisher }: Pick<Identity, "tenant" | "source" | "subject"> & { key: string }): string =>
  nameOfKey(publisher, key);

test("the name of a key is bounded, and no two keys share one, whatever their parts contain", () => {
  fc.assert(
    fc.property(asked, asked, (one, other) => {
      expect(nameOf(one) === nameOf(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
    }),
    { numRuns: 20_000 },
  );
  const long = { tenant: "acme", source: { kind: "platform" }, subject: "s".repeat(100_000), key: "k" } as const;
  expect(nameOf(long)).toMatch(/^[\w-]{43}$/);
});

test("a key's name differs by tenant, issuer, API key and subject", () => {
  const base = { tenant: "acme", source: { kind: "platform" }, subject: "shop", key: "k" } as const;
  const names = [
    base,
    { ...base, tenant: "other" },
    { ...base, subject: "crm" },
    { ...base, key: "l" },
    { ...base, source: { kind: "issuer", name: "shop" } as const },
    { ...base, source: { kind: "issuer", name: "own" } as const },
    { ...base, source: { kind: "key", id: "own" } as const },
  ].map(nameOf);
  expect(new Set(names).size).toBe(names.length);
  expect(nameOf({ ...base })).toBe(names[0]);
});

test("derived ids are UUIDs of version 8, and differ by the key's name and the index", () => {
  const ids = [derivedId("k", 0), derivedId("k", 1), derivedId("l", 0), derivedId("k", 10)];
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(ids).size).toBe(4);
  expect(derivedId("k", 0)).toBe(ids[0]);
});
