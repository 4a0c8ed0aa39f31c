import fc from "fast-check";
import { expect, test } from "vitest";
import { Admission, FARTHEST_SECONDS } from "./admission.ts";

const wide = { rate: 100, burst: 100, handovers: 1_000_000, connections: 1_000_000 };
const limits = fc.record({ rate: fc.integer({ min: 1, max: 5_000 }), burst: fc.integer({ min: 1, max: 5_000 }) });
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("R36: in no time more come in than the burst and what the rate gives", () => {
  const arrivals = fc.array(fc.record({ pause: fc.integer({ min: 0, max: 3_000 }), count: fc.nat(2_000) }), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(limits, arrivals, ({ rate, burst }, all) => {
      const admission = new Admission({ ...wide, rate, burst }, 0);
      const taken: { at: number; count: number }[] = [];
      let now = 0;
      for (const { pause, count } of all) {
        now += pause;
        let some = 0;
        for (let index = 0; index < count; index += 1) if (admission.take(now, 0) === undefined) some += 1;
        taken.push({ at: now, count: some });
      }
      for (let from = 0; from < taken.length; from += 1) {
        let sum = 0;
        for (let to = from; to < taken.length; to += 1) {
          sum += taken[to]!.count;
          const seconds = (taken[to]!.at - taken[from]!.at) / 1_000;
          expect(sum).toBeLessThanOrEqual(burst + rate * seconds + 1e-6);
        }
      }
    }),
  );
});

test("R36: to look at the bounds, and to be refused, takes nothing", () => {
  fc.assert(
    fc.property(limits, fc.nat(1_000), ({ rate, burst }, looks) => {
      const admission = new Admission({ ...wide, rate, burst }, 0);
      for (let index = 0; index < looks; index += 1) {
        admission.bound(0, 0);
        admission.refuse(0, 0.5);
      }
      expect(admission.tokens(0)).toBe(burst);
    }),
  );
});

test("R36: Retry-After is the place among those refused, give or take a quarter, and has a farthest", () => {
  fc.assert(
    fc.property(limits, fc.array(chance, { minLength: 1, maxLength: 2_000 }), ({ rate, burst }, chances) => {
      const admission = new Admission({ ...wide, rate, burst }, 0);
      chances.forEach((random, index) => {
        const place = Math.min((index + 1) / rate, FARTHEST_SECONDS);
        const seconds = admission.refuse(0, random);
        expect(Number.isInteger(seconds)).toBe(true);
        expect(seconds).toBeGreaterThanOrEqual(Math.max(1, Math.floor(place * 0.75)));
        expect(seconds).toBeLessThanOrEqual(Math.max(1, Math.ceil(place * 1.25)));
      });
    }),
  );
});

test("R36: those whose turn has come stand in nobody's way any more", () => {
  const admission = new Admission(wide, 0);
  for (let index = 0; index < 1_000; index += 1) admission.refuse(0, 0.5);
  expect(admission.refused(0, 0.5)).toBe(10);
  expect(admission.refused(6_000, 0.5)).toBe(4);
  expect(admission.refuse(9_999, 0.5)).toBe(1);
});

test("R9: why one was refused can be asked for ten seconds, and moves nobody back", () => {
  const admission = new Admission(wide, 0);
  expect(admission.refused(0, 0)).toBeUndefined();
  const told = admission.refuse(0, 0.5);
  for (let index = 0; index < 1_000; index += 1) expect(admission.refused(9_999, 0.5)).toBe(told);
  expect(admission.refused(10_000, 0.5)).toBeUndefined();
});

/** Everybody comes at once, and comes back exactly when told to. */
function storm(crowd: number, rate: number, burst: number, chances: () => number) {
  const admission = new Admission({ ...wide, rate, burst }, 0);
  const due = new Map<number, number>([[0, crowd]]);
  let attempts = 0;
  let last = 0;
  while (due.size > 0) {
    const now = Math.min(...due.keys());
    const count = due.get(now)!;
    due.delete(now);
    attempts += count;
    for (let index = 0; index < count; index += 1) {
      if (admission.take(now, 0) === undefined) last = now;
      else {
        const back = now + admission.refuse(now, chances()) * 1_000;
        due.set(back, (due.get(back) ?? 0) + 1);
      }
    }
  }
  return { attempts: attempts / crowd, seconds: last / 1_000 };
}

test("R36: a storm is over soon after the time that the bucket needs for it, and each came few times", () => {
  const sizes = fc.record({
    rate: fc.integer({ min: 10, max: 200 }),
    seconds: fc.integer({ min: 1, max: 50 }),
    seed: fc.infiniteStream(chance),
  });
  fc.assert(
    fc.property(sizes, ({ rate, seconds, seed }) => {
      const { attempts, seconds: took } = storm(rate * (seconds + 1), rate, rate, () => seed.next().value as number);
      expect(took).toBeGreaterThanOrEqual(seconds);
      expect(took).toBeLessThanOrEqual(seconds * 1.5 + 5);
      expect(attempts).toBeLessThanOrEqual(3);
    }),
    { numRuns: 30 },
  );
});

test("R36: handovers are bounded; one ends when it is live or gone, or has waited for long enough", () => {
  const admission = new Admission({ ...wide, handovers: 2 }, 0);
  admission.handoverBegan(1, 0);
  admission.handoverBegan(2, 4_000);
  expect(admission.take(4_000, 2)).toBe("handovers");
  admission.handoverEnded(2);
  expect(admission.take(4_000, 2)).toBeUndefined();
  admission.handoverBegan(3, 4_000);
  expect(admission.bound(9_999, 3)).toBe("handovers");
  expect(admission.bound(10_000, 3)).toBeUndefined();
  expect(admission.handovers(10_000)).toBe(1);
  admission.handoverEnded(1);
  expect(admission.handovers(10_000)).toBe(1);
});

test("R36: connections in all are bounded, before anything else is counted", () => {
  const admission = new Admission({ ...wide, connections: 3 }, 0);
  expect(admission.take(0, 2)).toBeUndefined();
  expect(admission.take(0, 3)).toBe("connections");
  expect(admission.tokens(0)).toBe(99);
});
