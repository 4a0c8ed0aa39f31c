import { expect, test } from "vitest";
import { backoffMs, doubled } from "./backoff.ts";

test("each pause is twice the one before, up to the longest", () => {
  expect([0, 1, 2, 3, 4, 2_000].map((tries) => doubled(tries, [100, 1_000]))).toEqual([
    100, 200, 400, 800, 1_000, 1_000,
  ]);
});

test("a pause is between half and all of its length", () => {
  expect([0, 0.5, 1].map((random) => backoffMs(1, [100, 1_000], () => random))).toEqual([100, 150, 200]);
});
