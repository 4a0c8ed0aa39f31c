import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { drain } from "./drain.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function ends(count: number, spreadMs: number, rate = 1_000) {
  const ended: { peer: number; at: number; retryAfter: number }[] = [];
  const began = performance.now();
  // From a fixed seed.
  let seed = 7;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const over = drain(
    Array.from({ length: count }, (_, peer) => peer),
    {
      spreadMs,
      rate,
      random,
      end: (peer, retryAfter) => ended.push({ peer, at: performance.now() - began, retryAfter }),
    },
  );
  return { ended, over };
}

test("R30: many connections close within the time, evenly, each once, in random order", async () => {
  const { ended, over } = ends(20_000, 5_000);
  await vi.advanceTimersByTimeAsync(5_000);
  await over;
  expect(ended.map(({ peer }) => peer).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20_000 }, (_, n) => n));
  for (let second = 0; second < 5; second += 1) {
    const some = ended.filter(({ at }) => Math.floor(at / 1_000) === second);
    expect(some.length).toBeGreaterThan(3_800);
    expect(some.length).toBeLessThan(4_200);
  }
  const first = ended.slice(0, 1_000).map(({ peer }) => peer);
  expect(Math.max(...first)).toBeGreaterThan(15_000);
  expect(first).not.toEqual(first.toSorted((a, b) => a - b));
});

test("R31: reconnects spread over the time that one distributor would need for them", async () => {
  const { ended, over } = ends(20_000, 5_000);
  await vi.advanceTimersByTimeAsync(5_000);
  await over;
  const told = ended.map(({ retryAfter }) => retryAfter);
  expect(Math.max(...told)).toBeLessThanOrEqual(15);
  expect(Math.max(...told)).toBeGreaterThan(14);
  expect(Math.min(...told)).toBeLessThan(1);
});

test("R31: a few connections hear to reconnect within a second", async () => {
  const { ended, over } = ends(10, 0);
  await over;
  expect(ended).toHaveLength(10);
  for (const { at, retryAfter } of ended) {
    expect(at).toBe(0);
    expect(retryAfter).toBeLessThanOrEqual(1);
  }
});

test("a drain without connections ends at once", async () => {
  const { ended, over } = ends(0, 5_000);
  await over;
  expect(ended).toEqual([]);
});
