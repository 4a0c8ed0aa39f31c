import fc from "fast-check";
import { expect, test } from "vitest";
import { taken } from "./gcra.ts";

test("within any period at most the burst plus the refill passes", () => {
  const steps = fc.array(fc.record({ after: fc.nat(500), cost: fc.integer({ min: 1, max: 20 }) }), { maxLength: 100 });
  const rate = fc.record({ rate: fc.integer({ min: 1, max: 200 }), burst: fc.integer({ min: 1, max: 50 }) });
  fc.assert(
    fc.property(steps, rate, (asked, limit) => {
      let now = 0;
      let fullAt = 0;
      const passed: { now: number; cost: number }[] = [];
      for (const { after, cost } of asked) {
        now += after;
        const next = taken(fullAt, now, limit, cost);
        if (next === undefined) continue;
        fullAt = next;
        passed.push({ now, cost });
      }
      for (const [from, first] of passed.entries()) {
        let sum = 0;
        for (const one of passed.slice(from)) {
          // A request above the burst makes the next ones wait.
          const before = sum + Math.min(one.cost, limit.burst);
          expect(before).toBeLessThanOrEqual(limit.burst + ((one.now - first.now) * limit.rate) / 1_000 + 1e-6);
          sum += one.cost;
        }
      }
    }),
  );
});

test("a rested bucket gives all of its burst at once, then one for each refill", () => {
  const limit = { rate: 10, burst: 3 };
  let fullAt = 0;
  for (let n = 0; n < 3; n += 1) fullAt = taken(fullAt, 1_000, limit)!;
  expect(taken(fullAt, 1_000, limit)).toBeUndefined();
  expect(taken(fullAt, 1_099, limit)).toBeUndefined();
  expect(taken(fullAt, 1_100, limit)).toBeGreaterThan(fullAt);
});

test("a cost above the burst passes a full bucket, and later requests wait", () => {
  const limit = { rate: 10, burst: 3 };
  const fullAt = taken(0, 0, limit, 30)!;
  expect(taken(fullAt, 2_700, limit)).toBeUndefined();
  expect(taken(fullAt, 2_800, limit)).toBeDefined();
});
