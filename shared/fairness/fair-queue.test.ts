import fc from "fast-check";
import { expect, test } from "vitest";
import { FairQueue } from "./fair-queue.ts";

function fill(queue: FairQueue<string, number>, tenant: string, count: number): void {
  for (let index = 0; index < count; index += 1) queue.set(tenant, `${tenant}${index}`, index);
}

const taken = (queue: FairQueue<string, number>, count: number): string[] =>
  Array.from({ length: count }, () => queue.shift()![0]);

test("tenants take turns, each in its own order: a late tenant waits for a turn, not for the whole queue", () => {
  const queue = new FairQueue<string, number>(() => 1);
  fill(queue, "a", 100);
  expect(taken(queue, 2)).toEqual(["a0", "a1"]);
  fill(queue, "b", 2);
  expect(taken(queue, 5)).toEqual(["a2", "b0", "a3", "b1", "a4"]);
  expect(queue.size).toBe(95);
});

test("a tenant's turn depends on its weight and its entries' cost", () => {
  const queue = new FairQueue<string, number>((tenant) => (tenant === "heavy" ? 3 : 1), 10);
  fill(queue, "heavy", 1_000);
  fill(queue, "light", 1_000);
  const costs = { heavy: 0, light: 0 };
  for (let turn = 0; turn < 400; turn += 1) {
    const [key] = queue.shift((one) => (one.startsWith("heavy") ? 5 : 20))!;
    if (key.startsWith("heavy")) costs.heavy += 5;
    else costs.light += 20;
  }
  expect(costs.heavy / costs.light).toBeGreaterThan(2.8);
  expect(costs.heavy / costs.light).toBeLessThan(3.2);
});

test("an entry is taken once or deleted, and waits at most one turn of every other tenant", () => {
  const tenants = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(tenants, fc.nat(5), (counts, dropped) => {
      const queue = new FairQueue<string, number>(() => 1);
      counts.forEach((count, tenant) => fill(queue, String.fromCharCode(97 + tenant), count));
      queue.delete("a", `a${dropped}`);
      const left = new Map(counts.map((count, tenant) => [String.fromCharCode(97 + tenant), count]));
      if (dropped < counts[0]!) left.set("a", counts[0]! - 1);
      const sum = [...left.values()].reduce((total, count) => total + count, 0);
      expect(queue.size).toBe(sum);
      const all = taken(queue, sum);
      expect(new Set(all).size).toBe(sum);
      expect(queue.shift()).toBeUndefined();
      const fewest = Math.min(...left.values());
      for (const [tenant, count] of left)
        if (count === fewest && count > 0)
          expect(all.findLastIndex((key) => key.startsWith(tenant))).toBeLessThan(count * left.size);
    }),
  );
});

test("a repeated key keeps its place, and has the newest value", () => {
  const queue = new FairQueue<string, number>(() => 0.01);
  queue.set("a", "x", 1);
  queue.set("a", "y", 2);
  queue.set("a", "x", 3);
  expect([queue.size, queue.get("a", "x"), queue.shift(), queue.shift()]).toEqual([2, 3, ["x", 3], ["y", 2]]);
});
