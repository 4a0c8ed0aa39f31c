import fc from "fast-check";
import { expect, test } from "vitest";
import { BORROWED, FairShare } from "./fair-share.ts";

/** All of these tenants take as much as possible, in this order, until none may take more. */
function saturate(share: FairShare, tenants: readonly string[]): number[] {
  for (let moved = true; moved;) {
    moved = false;
    for (const tenant of tenants) {
      if (share.isOver(tenant)) continue;
      share.take(share.of(tenant));
      moved = true;
    }
  }
  return tenants.map((tenant) => share.of(tenant).used);
}

test("a lone tenant borrows eight ninths, and the rest stays free", () => {
  const share = new FairShare(9_000, () => 1);
  expect(saturate(share, ["a"])).toEqual([8_000]);
  expect(share.isOver("a")).toBe(true);
  expect(share.isOver("b")).toBe(false);
});

test("greedy tenants reach shares in proportion to their weights, in any order of arrival", () => {
  const bound = 3_000;
  const weights = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 5 });
  fc.assert(
    fc.property(weights, (all) => {
      const share = new FairShare(bound, (tenant) => all[Number(tenant)]!);
      const sum = all.reduce((total, weight) => total + weight, 0);
      const tenants = Object.keys(all);
      saturate(share, [tenants[0]!]);
      for (let turn = 0; turn < 2 * bound; turn += 1) {
        for (const tenant of tenants) {
          const part = share.of(tenant);
          if (share.over(part)) share.give(part);
          else share.take(part);
        }
      }
      tenants.forEach((tenant, index) => {
        const fair = (bound * BORROWED * all[index]!) / (1 + BORROWED * sum);
        expect(Math.abs(share.of(tenant).used - fair)).toBeLessThanOrEqual(0.05 * bound);
      });
    }),
    { numRuns: 20 },
  );
});

test("a borrower is over its share when another tenant uses its own, until it has returned that part", () => {
  const share = new FairShare(9_000, () => 1);
  saturate(share, ["a"]);
  const a = share.of("a");
  share.take(share.of("b"), 500);
  let given = 0;
  for (; share.over(a); given += 1) share.give(a);
  expect(given).toBeGreaterThan(400);
  expect(given).toBeLessThan(500);
});

test("the places in use never exceed the limit", () => {
  const moves = fc.array(fc.record({ tenant: fc.constantFrom("a", "b", "c"), take: fc.boolean() }), { maxLength: 300 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), moves, (bound, all) => {
      const share = new FairShare(bound, () => 1);
      for (const { tenant, take } of all) {
        const part = share.of(tenant);
        if (take && !share.over(part)) share.take(part);
        else if (!take && part.used > 0) share.give(part);
        expect(share.used).toBeLessThanOrEqual(bound);
        if (share.used < bound) expect(share.isOver("newcomer")).toBe(false);
      }
    }),
  );
});

test("idle tenants are forgotten, busy ones not; a new weight counts", () => {
  let weight = 1;
  const share = new FairShare(10, () => weight);
  const [idle, busy] = [share.of("idle"), share.of("busy")];
  share.take(busy);
  weight = 3;
  share.sweep();
  share.sweep();
  expect([share.tenants, idle.known, busy.known, busy.weight]).toEqual([1, false, true, 3]);
  share.give(busy);
  share.sweep();
  share.take(busy);
  share.sweep();
  share.sweep();
  expect(busy.known).toBe(true);
});
