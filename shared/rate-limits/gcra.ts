/** Units per second, and the units allowed at once after a rest. */
export interface Rate {
  rate: number;
  burst: number;
}

/**
 * The generic cell rate algorithm. The only state of a bucket is the time at which it will be full again. Returns that
 * time after taking `cost`, or undefined if the bucket holds less. A cost above a whole bucket takes a full one, and
 * the next caller waits for the debt. So no cost is too large to pass. Times are in ms.
 */
export function taken(fullAt: number, now: number, { rate, burst }: Rate, cost = 1): number | undefined {
  const each = 1_000 / rate;
  const from = Math.max(fullAt, now);
  return from - now + Math.min(cost, burst) * each > burst * each + SLACK ? undefined : from + cost * each;
}

/** Tolerance for sums of fractions: a whole bucket holds all of its burst. */
const SLACK = 1e-6;
