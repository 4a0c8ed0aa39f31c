import { expect, test } from "vitest";
import { KeyedLimiter } from "./keyed-limiter.ts";

test("each key has its own bucket, and a refusal states the wait", () => {
  const limiter = new KeyedLimiter({ rate: 0.5, burst: 2 });
  expect([limiter.late("a", 0), limiter.late("a", 0), limiter.late("b", 0)]).toEqual([undefined, undefined, undefined]);
  expect([limiter.spent("b", 0), limiter.spent("a", 0), limiter.late("a", 0)]).toEqual([undefined, 2, 2]);
  expect(limiter.late("a", 1_500)).toBe(1);
  expect(limiter.late("a", 2_000)).toBeUndefined();
  expect(limiter.late("a", 2_000)).toBe(2);
});

test("a rested key is forgotten, and no other", () => {
  const limiter = new KeyedLimiter({ rate: 1, burst: 1 });
  for (let n = 0; n < 1_000; n += 1) limiter.late(`one-${n}`, 0);
  expect(limiter.late("one-0", 999)).toBe(1);
  limiter.late("two", 1_000);
  expect(limiter.late("two", 1_000)).toBe(1);
  expect(limiter.late("one-999", 1_000)).toBeUndefined();
});

test("over its bound the least recently counted key is evicted; a refusal keeps no key", () => {
  const limiter = new KeyedLimiter({ rate: 0.001, burst: 2 });
  for (const name of ["used", "refused", "refused"]) limiter.late(name, 0);
  for (let n = 0; n < 49_998; n += 1) limiter.late(`one-${n}`, 0);
  limiter.late("used", 0);
  expect([limiter.late("refused", 0), limiter.late("used", 0)]).toEqual([1_000, 1_000]);
  limiter.late("another", 0);
  expect([limiter.spent("used", 0), limiter.spent("refused", 0)]).toEqual([1_000, undefined]);
});
