import fc from "fast-check";
import { expect, test } from "vitest";
import { AdmissionControl } from "./admission-control.ts";
import { FARTHEST_SECONDS } from "./rejected-clients.ts";

const wide = { rate: 100, burst: 100, handovers: 1_000_000, connections: 1_000_000 };
const limits = fc.record({ rate: fc.integer({ min: 1, max: 5_000 }), burst: fc.integer({ min: 1, max: 5_000 }) });
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("R36: admissions in any period are at most burst plus refill", () => {
  const arrivals = fc.array(fc.record({ pause: fc.integer({ min: 0, max: 3_000 }), count: fc.nat(2_000) }), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(limits, arrivals, ({ rate, burst }, all) => {
      const admission = new AdmissionControl({ ...wide, rate, burst }, 0);
      const taken: { at: number; count: number }[] = [];
      let now = 0;
      for (const { pause, count } of all) {
        now += pause;
        let some = 0;
        for (let index = 0; index < count; index += 1) if (admission.take(now, 0, "acme") === undefined) some += 1;
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

test("R36: a check of the limits, and a refusal, cost no token", () => {
  fc.assert(
    fc.property(limits, fc.nat(1_000), ({ rate, burst }, looks) => {
      const admission = new AdmissionControl({ ...wide, rate, burst }, 0);
      for (let index = 0; index < looks; index += 1) {
        admission.bound(0, 0);
        admission.refuse(0, 0.5, "acme");
      }
      expect(admission.tokens(0)).toBe(burst);
    }),
  );
});

test("R36: Retry-After follows the place among refused clients, within a quarter, up to a maximum", () => {
  fc.assert(
    fc.property(limits, fc.array(chance, { minLength: 1, maxLength: 2_000 }), ({ rate, burst }, chances) => {
      const admission = new AdmissionControl({ ...wide, rate, burst }, 0);
      chances.forEach((random, index) => {
        const place = Math.min((index + 1) / rate, FARTHEST_SECONDS);
        const seconds = admission.refuse(0, random, "acme");
        expect(Number.isInteger(seconds)).toBe(true);
        // The place is a sum of floating-point numbers, so it can be a little over the quotient.
        expect(seconds).toBeGreaterThanOrEqual(Math.max(1, Math.floor(place * 0.75)));
        expect(seconds).toBeLessThanOrEqual(Math.max(1, Math.ceil(place * 1.25 + 1e-6)));
      });
    }),
  );
});

test("R36: clients whose turn has come delay no others", () => {
  const admission = new AdmissionControl(wide, 0);
  for (let index = 0; index < 1_000; index += 1) admission.refuse(0, 0.5, "acme");
  expect(admission.refused(0, 0.5, "acme")).toBe(10);
  expect(admission.refused(6_000, 0.5, "acme")).toBe(4);
  expect(admission.refuse(9_999, 0.5, "acme")).toBe(1);
});

test("R9: the reason for a refusal is available for ten seconds, and asking costs no place", () => {
  const admission = new AdmissionControl(wide, 0);
  expect(admission.refused(0, 0, "acme")).toBeUndefined();
  const told = admission.refuse(0, 0.5, "acme");
  for (let index = 0; index < 1_000; index += 1) expect(admission.refused(9_999, 0.5, "acme")).toBe(told);
  expect(admission.refused(10_000, 0.5, "acme")).toBeUndefined();
});

/** All clients arrive at once, and return exactly when they are told to. */
function storm(crowd: number, rate: number, burst: number, chances: () => number) {
  const admission = new AdmissionControl({ ...wide, rate, burst }, 0);
  const due = new Map<number, number>([[0, crowd]]);
  let attempts = 0;
  let last = 0;
  while (due.size > 0) {
    const now = Math.min(...due.keys());
    const count = due.get(now)!;
    due.delete(now);
    attempts += count;
    for (let index = 0; index < count; index += 1) {
      if (admission.take(now, 0, "acme") === undefined) last = now;
      else {
        const back = now + admission.refuse(now, chances(), "acme") * 1_000;
        due.set(back, (due.get(back) ?? 0) + 1);
      }
    }
  }
  return { attempts: attempts / crowd, seconds: last / 1_000 };
}

test("R36: a storm ends soon after the time that its bucket needs, with few attempts for each client", () => {
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

test("R36: handovers are bounded; each ends when it is live, gone, or has waited too long", () => {
  const admission = new AdmissionControl({ ...wide, handovers: 2 }, 0);
  admission.handoverBegan(1, 0, "acme");
  admission.handoverBegan(2, 4_000, "acme");
  expect(admission.take(4_000, 2, "acme")).toBe("handovers");
  admission.handoverEnded(2);
  expect(admission.take(4_000, 2, "acme")).toBeUndefined();
  admission.handoverBegan(3, 4_000, "acme");
  expect(admission.bound(9_999, 3)).toBe("handovers");
  expect(admission.bound(10_000, 3)).toBeUndefined();
  expect(admission.handovers(10_000)).toBe(1);
  admission.handoverEnded(1);
  expect(admission.handovers(10_000)).toBe(1);
});

test("R36: total connections are bounded before any other limit", () => {
  const admission = new AdmissionControl({ ...wide, connections: 3 }, 0);
  expect(admission.take(0, 2, "acme")).toBeUndefined();
  expect(admission.take(0, 3, "acme")).toBe("connections");
  expect(admission.tokens(0)).toBe(99);
});

/** Admits every client that may enter now. */
function enter(admission: AdmissionControl, now: number, tenants: readonly string[]): Map<string, number> {
  const entered = new Map(tenants.map((tenant) => [tenant, 0]));
  for (let refused = 0; refused < tenants.length;) {
    refused = 0;
    for (const tenant of tenants) {
      if (admission.take(now, 0, tenant) === undefined) entered.set(tenant, entered.get(tenant)! + 1);
      else refused += 1;
    }
  }
  return entered;
}

test("one tenant's connects leave room for another's, and two busy tenants get half of the rate each", () => {
  const admission = new AdmissionControl({ ...wide, rate: 90, burst: 90 }, 0);
  expect(enter(admission, 0, ["loud"]).get("loud")).toBe(80);
  expect([admission.bound(0, 0), admission.overShare(0, "loud"), admission.overShare(0, "quiet")]).toEqual([
    undefined,
    "rate",
    undefined,
  ]);
  expect(admission.take(0, 0, "quiet")).toBeUndefined();
  const sum = new Map([
    ["loud", 0],
    ["quiet", 0],
  ]);
  for (let now = 100; now <= 60_000; now += 100)
    for (const [tenant, count] of enter(admission, now, ["loud", "quiet"])) sum.set(tenant, sum.get(tenant)! + count);
  expect(sum.get("loud")! + sum.get("quiet")!).toBeGreaterThan(90 * 58);
  expect(sum.get("loud")! / sum.get("quiet")!).toBeGreaterThan(0.8);
  expect(sum.get("loud")! / sum.get("quiet")!).toBeLessThan(1.25);
});

test("one tenant's handovers leave room for another tenant's", () => {
  const admission = new AdmissionControl({ ...wide, handovers: 90 }, 0);
  for (let session = 0; session < 80; session += 1) admission.handoverBegan(session, 0, "loud");
  expect([admission.take(0, 0, "loud"), admission.take(0, 0, "quiet")]).toEqual(["handovers", undefined]);
  admission.handoverEnded(0);
  expect(admission.take(0, 0, "loud")).toBeUndefined();
});

test("one tenant's refused crowd delays another tenant only by its part of the rate", () => {
  const admission = new AdmissionControl(wide, 0);
  for (let index = 0; index < 3_000; index += 1) admission.refuse(0, 0.5, "loud");
  for (let index = 0; index < 100; index += 1) admission.refuse(0, 0.5, "quiet");
  expect([admission.refused(0, 0.5, "loud"), admission.refused(0, 0.5, "quiet")]).toEqual([30, 2]);
  expect(admission.refused(0, 0.5, "third")).toBeUndefined();
});

test("separate tenant queues are bounded: the rest share one queue", () => {
  const admission = new AdmissionControl(wide, 0);
  for (let index = 0; index < 1_000; index += 1) admission.refuse(0, 0.5, `made-up-${index}`);
  expect(admission.refused(0, 0.5, "never-seen")).toBeGreaterThan(1);
});
