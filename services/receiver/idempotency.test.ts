import { expect, test } from "vitest";
import { derivedId, readKey } from "./idempotency.ts";

test("a key is a quoted string, or what stands there without quotes", () => {
  expect(readKey(undefined)).toBeUndefined();
  expect(readKey('"abc"')).toBe("abc");
  expect(readKey("abc")).toBe("abc");
  expect(readKey('"a\\"b\\\\c"')).toBe('a"b\\c');
  for (const wrong of ["", '"', '""', '"a', 'a"b', '"a"b"', "ä", "x".repeat(256)])
    expect(() => readKey(wrong)).toThrow("Idempotency-Key");
});

test("derived ids are UUIDs of version 8, and differ by tenant, key and index", () => {
  const ids = [
    derivedId("acme", "k", 0),
    derivedId("acme", "k", 1),
    derivedId("acme", "l", 0),
    derivedId("other", "k", 0),
  ];
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(ids).size).toBe(4);
  expect(derivedId("acme", "k", 0)).toBe(ids[0]);
});
