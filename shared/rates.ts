import { createHash } from "node:crypto";
import { taken, type Rate } from "./rate.ts";
import type { Redis } from "./redis.ts";
import { within } from "./within.ts";

/** One limit that a request counts against. */
export interface Bucket {
  /** In Redis; all buckets of one request share a hash tag. */
  key: string;
  /** As the headers have it. */
  policy: string;
  rate: Rate;
}

/** What is left of a bucket after the request. */
export interface Standing extends Bucket {
  remaining: number;
  /** Until it is full again. */
  resetMs: number;
}

export interface Verdict {
  /** Undefined where it passes: else what it was refused at, and how long until it would not be. */
  refused: { policy: string; retryMs: number } | undefined;
  standings: Standing[];
}

export interface RatesOptions {
  redis: Redis;
  /** Redis answers in less than one; nobody waits for it for longer. */
  waitMs: number;
  /** A request was counted here alone. */
  alone: () => void;
  now?: () => number;
}

/** After Redis failed, it is left alone for so long. */
const REST_MS = 1_000;
const MAX_LOCAL = 10_000;

/**
 * Rates over all processes, by buckets in Redis: one script for a request, and its time is that of Redis. While Redis is away each
 * process counts by itself, with the whole rates: so limits hold for each, nobody is refused for it, and nobody is let go.
 */
export class Rates {
  readonly #options: RatesOptions;
  readonly #now: () => number;
  /** Key to when it is full again (ms), longest untouched first. */
  readonly #local = new Map<string, number>();
  #restUntil = 0;

  constructor(options: RatesOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Takes `cost` from all of the buckets, or from none. */
  async take(buckets: readonly Bucket[], cost: number): Promise<Verdict> {
    const { redis, waitMs } = this.#options;
    if (redis.status === "ready" && this.#now() >= this.#restUntil) {
      const answer = await within(waitMs, this.#ask(buckets, cost));
      if (answer) {
        const [passed, ...owed] = answer;
        return verdict(
          buckets,
          cost,
          passed === 1,
          owed.map((us) => us / 1_000),
        );
      }
      this.#restUntil = this.#now() + REST_MS;
    }
    this.#options.alone();
    return this.#takeHere(buckets, cost);
  }

  async #ask(buckets: readonly Bucket[], cost: number): Promise<number[]> {
    const keys = buckets.map(({ key }) => key);
    const args = [cost, ...buckets.flatMap(({ rate }) => [1_000_000 / rate.rate, rate.burst])];
    const { redis } = this.#options;
    try {
      return (await redis.evalsha(TAKE_SHA, keys.length, ...keys, ...args)) as number[];
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return (await redis.eval(TAKE, keys.length, ...keys, ...args)) as number[];
    }
  }

  #takeHere(buckets: readonly Bucket[], cost: number): Verdict {
    const now = this.#now();
    const before = buckets.map(({ key }) => this.#local.get(key) ?? 0);
    const after = buckets.map(({ rate }, index) => taken(before[index]!, now, rate, cost));
    const passed = !after.includes(undefined);
    const fullAt = passed ? (after as number[]) : before;
    if (passed) buckets.forEach(({ key }, index) => this.#keep(key, fullAt[index]!));
    return verdict(
      buckets,
      cost,
      passed,
      fullAt.map((at) => Math.max(0, at - now)),
    );
  }

  #keep(key: string, fullAt: number): void {
    this.#local.delete(key);
    this.#local.set(key, fullAt);
    for (const oldest of this.#local.keys()) {
      if (this.#local.size <= MAX_LOCAL) break;
      this.#local.delete(oldest);
    }
  }
}

/** `owed`: for each bucket the time until it is full, in ms. */
function verdict(buckets: readonly Bucket[], cost: number, passed: boolean, owed: readonly number[]): Verdict {
  const missing = (index: number): number => {
    const { rate, burst } = buckets[index]!.rate;
    return owed[index]! - (burst - Math.min(cost, burst)) * (1_000 / rate);
  };
  const worst = buckets.reduce((best, _, index) => (missing(index) > missing(best) ? index : best), 0);
  return {
    refused: passed ? undefined : { policy: buckets[worst]!.policy, retryMs: Math.max(0, missing(worst)) },
    standings: buckets.map((bucket, index) => ({
      ...bucket,
      remaining: Math.max(0, Math.floor(bucket.rate.burst - (owed[index]! * bucket.rate.rate) / 1_000)),
      resetMs: owed[index]!,
    })),
  };
}

/**
 * The headers RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers): the quota is what a full bucket holds, the
 * window the time in which an empty one fills.
 */
export function rateHeaders(standings: readonly Standing[]): Record<string, string> {
  const policies = standings.map(
    ({ policy, rate: { rate, burst } }) => `"${policy}";q=${burst};w=${Math.max(1, Math.ceil(burst / rate))}`,
  );
  const left = standings.map(
    ({ policy, remaining, resetMs }) => `"${policy}";r=${remaining};t=${Math.ceil(resetMs / 1_000)}`,
  );
  return { "ratelimit-policy": policies.join(", "), ratelimit: left.join(", ") };
}

/** As `taken` of rate.ts, for several buckets, all or none. Answers whether it passes, and for each how long until it is full (us). */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local cost = tonumber(ARGV[1])
local passed, from = 1, {}
for i, key in ipairs(KEYS) do
  local each, burst = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  from[i] = math.max(now, tonumber(redis.call('GET', key) or 0))
  if from[i] - now + math.min(cost, burst) * each > burst * each + 1 then passed = 0 end
end
local answer = { passed }
for i, key in ipairs(KEYS) do
  if passed == 1 then
    from[i] = from[i] + cost * tonumber(ARGV[2 * i])
    redis.call('SET', key, string.format('%.0f', from[i]), 'PX', math.ceil((from[i] - now) / 1000) + 1)
  end
  answer[i + 1] = math.ceil(from[i] - now)
end
return answer`;
const TAKE_SHA = createHash("sha1").update(TAKE).digest("hex");
