/** So many a second, and so many at once after a rest. */
export interface Rate {
  rate: number;
  burst: number;
}

/**
 * The generic cell rate algorithm: all that is kept of a bucket is when it will be full again. Answers that time after `cost` was
 * taken from it, or undefined where so much is not in it. What costs more than a whole bucket takes a full one, and what is owed
 * is waited for by whoever comes next: nothing is too large to pass at all. Times are in ms.
 */
export function taken(fullAt: number, now: number, { rate, burst }: Rate, cost = 1): number | undefined {
  const each = 1_000 / rate;
  const from = Math.max(fullAt, now);
  return from - now + Math.min(cost, burst) * each > burst * each + SLACK ? undefined : from + cost * each;
}

/** Of sums of fractions: a whole bucket holds all of its burst. */
const SLACK = 1e-6;
