import { expect, it } from "vitest";
import { Pace } from "./pace.ts";

function simulated(most: number): { pace: Pace; now: () => number } {
  let now = 0;
  const pace = new Pace({
    most,
    now: () => now,
    sleep: (ms) => {
      now += ms;
      return Promise.resolve();
    },
  });
  return { pace, now: () => now };
}

const parts = async (pace: Pace, count: number, partition = 0): Promise<void> => {
  for (let sent = 0; sent < count; sent += 1) await pace.turn(Array.from({ length: 100 }, () => partition));
};

it("a partition gets its notifications a second, and not more", async () => {
  const { pace, now } = simulated(1_000);
  await parts(pace, 50);
  expect(now()).toBeGreaterThanOrEqual(4_800);
  expect(now()).toBeLessThanOrEqual(5_000);
});

it("the pace halves while directors lag, down to a least part, and comes back", async () => {
  const { pace, now } = simulated(1_000);
  await parts(pace, 1);
  for (let second = 0; second < 20; second += 1) pace.adjust(0, true);
  expect(pace.rate).toBeCloseTo(1_000 / 32);
  const before = now();
  await parts(pace, 2);
  expect(now() - before).toBeGreaterThan(3_000);
  for (let second = 0; second < 10; second += 1) pace.adjust(0, false);
  expect(pace.rate).toBeCloseTo(1_000);
});

it("a partition that lags holds up only the parts that have a notification for it", async () => {
  const { pace, now } = simulated(1_000);
  for (let second = 0; second < 20; second += 1) pace.adjust(1, true);
  await parts(pace, 1, 1);
  await parts(pace, 10, 0);
  expect(now()).toBeLessThan(1_000);
});
