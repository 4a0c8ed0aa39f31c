import type { Rate } from "./gcra.ts";

/** One limit that a request counts against. */
export interface Bucket {
  /** The key in Redis. All buckets of one request share a hash tag. */
  key: string;
  /** The name in the headers. */
  policy: string;
  /** The counted unit: notifications if not set. */
  unit?: "bytes";
  rate: Rate;
}

export interface Verdict {
  /** Undefined if the request passes. Otherwise the bucket that refused it, and the time until it would pass. */
  refused: { policy: string; retryMs: number } | undefined;
  /** The remaining quota after the request. */
  headers: Record<string, string>;
}

/** All limits of one caller's requests. A bucket's `owed` is the time until it is full, in us. */
export class RateLimitPolicy {
  readonly buckets: readonly Bucket[];
  /**
   * The header RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers). The quota is the capacity of a full bucket. The
   * window is the time that an empty one needs to fill.
   */
  readonly policies: string;
  /** The parameters for Redis. */
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

  /** The cost of a request for each bucket. */
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

/** `owed`: the time until it is full, in us. */
export const leftIn = ({ rate: { rate, burst } }: Bucket, owed: number): number => burst - (owed * rate) / 1_000_000;
