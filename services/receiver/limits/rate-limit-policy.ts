import type { Rate } from "@saasaparilla/shared/rate-limits/gcra.ts";

/** One limit that a request counts against. */
export interface Bucket {
  /** In Redis; all buckets of one request share a hash tag. */
  key: string;
  /** As the headers have it. */
  policy: string;
  /** What it counts: notifications, where nothing else is said. */
  unit?: "bytes";
  rate: Rate;
}

export interface Verdict {
  /** Undefined where it passes: else what it was refused at, and how long until it would not be. */
  refused: { policy: string; retryMs: number } | undefined;
  /** How much is left after it. */
  headers: Record<string, string>;
}

/** All that the requests of one caller count against. What is `owed` to a bucket is how long until it is full, in us. */
export class RateLimitPolicy {
  readonly buckets: readonly Bucket[];
  /**
   * The header RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers): the quota is what a full bucket holds, the window
   * the time in which an empty one fills.
   */
  readonly policies: string;
  /** What Redis is told of it. */
  readonly keys: readonly string[];
  readonly rates: readonly number[];

  constructor(buckets: readonly Bucket[]) {
    this.buckets = buckets;
    this.policies = buckets
      .map(({ policy, unit, rate: { rate, burst } }) => {
        const quotaUnit = unit === "bytes" ? ';qu="content-bytes"' : "";
        return `"${policy}";q=${burst};w=${Math.max(1, Math.ceil(burst / rate))}${quotaUnit}`;
      })
      .join(", ");
    this.keys = buckets.map(({ key }) => key);
    this.rates = buckets.flatMap(({ rate: { rate, burst } }) => [1_000_000 / rate, burst]);
  }

  /** What a request costs each bucket. */
  costs(notifications: number, bytes: number): number[] {
    return this.buckets.map(({ unit }) => (unit === "bytes" ? bytes : notifications));
  }

  verdict(costs: readonly number[], passed: boolean, owed: readonly number[]): Verdict {
    const left = this.buckets.map((bucket, index) => {
      const remaining = Math.max(0, Math.floor(leftIn(bucket, owed[index]!)));
      return `"${bucket.policy}";r=${remaining};t=${Math.ceil(owed[index]! / 1_000_000)}`;
    });
    return {
      refused: passed ? undefined : this.#worst(costs, owed),
      headers: { "ratelimit-policy": this.policies, ratelimit: left.join(", ") },
    };
  }

  #worst(costs: readonly number[], owed: readonly number[]): { policy: string; retryMs: number } {
    const waits = this.buckets.map(({ policy, rate: { rate, burst } }, index) => ({
      policy,
      retryMs: Math.max(0, owed[index]! / 1_000 - (burst - Math.min(costs[index]!, burst)) * (1_000 / rate)),
    }));
    return waits.reduce((worst, one) => (one.retryMs > worst.retryMs ? one : worst));
  }
}

/** `owed`: how long until it is full, in us. */
export const leftIn = ({ rate: { rate, burst } }: Bucket, owed: number): number => burst - (owed * rate) / 1_000_000;
