import { expect, test } from "vitest";
import { bytes, count, many } from "./numbers.ts";

test.for([
  [0, "0"],
  [99_999, "99,999"],
  [1_234_567, "1.2M"],
  [0.125, "0.13"],
] as const)("%d is %s", ([value, text]) => {
  expect(count(value)).toBe(text);
});

test.for([
  [0, "0 B"],
  [1_023, "1023 B"],
  [1_536, "1.5 KiB"],
  [8 * 2 ** 30, "8.0 GiB"],
  [2 ** 60, "1048576 TiB"],
] as const)("%d bytes are %s", ([value, text]) => {
  expect(bytes(value)).toBe(text);
});

test("one of something is in the singular", () => {
  expect([many(1, "key"), many(2, "key"), many(0, "entry", "entries")]).toEqual(["1 key", "2 keys", "0 entries"]);
});
