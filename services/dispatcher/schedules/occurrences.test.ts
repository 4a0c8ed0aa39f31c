import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dueOccurrences, MOST_AT_ONCE, type ScheduleRule, type Timer } from "./occurrences.ts";

const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 1);
const everyMinute = (after: number): number => (Math.floor(after / MINUTE) + 1) * MINUTE;
const rule = (missed: ScheduleRule["missed"], catchUp = 86_400): ScheduleRule => ({
  next: everyMinute,
  missed,
  catchUp,
});
const timer: Timer = { occurrence: START, missed: 0 };

/** Runs the schedule until its next occurrence is after `now`. */
function settle(
  given: ScheduleRule,
  from: Timer,
  now: number,
): { fired: number[]; skipped: number[]; missed: number[] } {
  const all = { fired: [] as number[], skipped: [] as number[], missed: [] as number[] };
  for (let at: Timer | undefined = from; at && at.occurrence <= now;) {
    const due = dueOccurrences(given, at, now);
    all.fired.push(...due.fired.map(({ occurrence }) => occurrence));
    all.missed.push(...due.fired.map(({ missed }) => missed));
    all.skipped.push(...due.skipped.map(({ occurrence }) => occurrence));
    at = due.timer;
  }
  return all;
}

describe("occurrences of a schedule that fires each minute, ten of which were missed", () => {
  const now = START + 9 * MINUTE + 40_000;

  it("`one` fires the latest one, and says how many it stands for", () => {
    const { fired, skipped, missed } = settle(rule("one"), timer, now);
    expect(fired).toEqual([START + 9 * MINUTE]);
    expect(skipped).toHaveLength(9);
    expect(missed).toEqual([9]);
  });

  it("`all` fires each of them, in order", () => {
    const { fired, skipped } = settle(rule("all"), timer, now);
    expect(fired).toEqual(Array.from({ length: 10 }, (_, index) => START + index * MINUTE));
    expect(skipped).toEqual([]);
  });

  it("`none` fires none of them", () => {
    const { fired, skipped } = settle(rule("none"), timer, now);
    expect(fired).toEqual([]);
    expect(skipped).toHaveLength(10);
  });

  it("`none` fires one that comes in time", () => {
    expect(settle(rule("none"), timer, START + 2_000).fired).toEqual([START]);
  });

  it("`all` skips those that are older than catchUp", () => {
    const { fired, skipped } = settle(rule("all", 120), timer, now);
    expect(fired).toEqual([START + 8 * MINUTE, START + 9 * MINUTE]);
    expect(skipped).toHaveLength(8);
  });
});

it("a schedule without a further occurrence has no timer", () => {
  const once: ScheduleRule = { next: () => undefined, missed: "one", catchUp: 60 };
  expect(dueOccurrences(once, timer, START + 5)).toEqual({
    fired: [{ occurrence: START, missed: 0 }],
    skipped: [],
    timer: undefined,
  });
});

it("each occurrence up to now fires or is skipped, once, whatever the outages and however far a clock is set back", () => {
  const looks = fc.array(fc.integer({ min: -20, max: 400 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(looks, fc.constantFrom("one" as const, "all" as const, "none" as const), (minutes, missed) => {
      const seen: number[] = [];
      let at: Timer = timer;
      let now = START;
      let latest = START - MINUTE;
      for (const step of minutes) {
        now += step * MINUTE + 7_000;
        while (at.occurrence <= now) {
          const due = dueOccurrences(rule(missed), at, now);
          expect(due.fired.length + due.skipped.length).toBeLessThanOrEqual(MOST_AT_ONCE);
          const both = [...due.fired, ...due.skipped].map(({ occurrence }) => occurrence).sort((a, b) => a - b);
          seen.push(...both);
          latest = both.at(-1)!;
          at = due.timer!;
        }
      }
      expect(seen).toEqual(Array.from({ length: (latest - START) / MINUTE + 1 }, (_, index) => START + index * MINUTE));
      if (seen.length > 0) expect(at.occurrence).toBe(latest + MINUTE);
    }),
  );
});
