import { expect, test } from "vitest";
import { Askers } from "./keyed-limiter.ts";

test("each has a bucket of its own, and is told how long to wait", () => {
  const askers = new Askers({ rate: 0.5, burst: 2 });
  expect([askers.late("a", 0), askers.late("a", 0), askers.late("b", 0)]).toEqual([undefined, undefined, undefined]);
  expect([askers.spent("b", 0), askers.spent("a", 0), askers.late("a", 0)]).toEqual([undefined, 2, 2]);
  expect(askers.late("a", 1_500)).toBe(1);
  expect(askers.late("a", 2_000)).toBeUndefined();
  expect(askers.late("a", 2_000)).toBe(2);
});

test("who is rested is forgotten, and nobody who is not", () => {
  const askers = new Askers({ rate: 1, burst: 1 });
  for (let n = 0; n < 1_000; n += 1) askers.late(`one-${n}`, 0);
  expect(askers.late("one-0", 999)).toBe(1);
  askers.late("two", 1_000);
  expect(askers.late("two", 1_000)).toBe(1);
  expect(askers.late("one-999", 1_000)).toBeUndefined();
});
