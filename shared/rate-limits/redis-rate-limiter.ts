import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { leftIn, type RateLimitPolicy, type Bucket, type Verdict } from "./rate-limit-policy.ts";
import { taken } from "./gcra.ts";
import type { Redis } from "#redis/client.ts";
import { withTimeout } from "#runtime/timeout.ts";

interface Asker {
  /** For each bucket. */
  costs: readonly number[];
  told: (verdict: Verdict) => void;
}

export interface RedisRateLimiterOptions {
  redis: Redis;
  /** Redis answers in less than 1 ms. No request waits longer than this. */
  waitMs: number;
  /** Called when a request was counted only in this process. */
  alone: () => void;
  now?: () => number;
}

/** The pause after a failure of Redis. */
const REST_MS = 1_000;
const MAX_LOCAL = 10_000;
/** The most requests of one caller in one call, so that no script runs long. */
const MOST_AT_ONCE = 200;
/** The part of a bucket's last known content that may be taken on account. */
const ON_ACCOUNT = 1 / 20;
/** The delay after which Redis learns the amount taken on account. */
const SETTLE_MS = 50;
/** The time for which a bucket's last known content counts as valid. */
const BELIEVED_MS = 1_000;

interface Seen {
  at: number;
  /** The time until it is full (us), as last reported by Redis. */
  owed: number;
  /** Taken on account by all local callers, and not confirmed by Redis yet. */
  taken: number;
}

/** The amount taken on account of each bucket, and not reported yet. */
interface Account {
  taken: number[];
  timer: NodeJS.Timeout;
}

/**
 * Rates across all processes, by buckets in Redis; the time is that of Redis. While there is plenty, a request takes on
 * account, and Redis learns of all of them together. So no request waits for Redis. It receives about twenty calls per
 * second for each caller, regardless of the request rate. Reports take from the buckets whatever they contain, so each
 * request is counted in the end. Meanwhile a bucket can give a twentieth too much for each process.
 *
 * Otherwise, a caller's requests that arrive during a call wait for its answer and share the next call. They are still
 * counted one after the other. While Redis is away, each process counts alone, with the whole rates. So each process
 * keeps the limits, and the outage neither refuses requests nor lifts the limits.
 */
export class RedisRateLimiter {
  readonly #options: RedisRateLimiterOptions;
  readonly #now: () => number;
  /** Key to the time of being full again (ms). */
  readonly #local = new LRUCache<string, number>({ max: MAX_LOCAL });
  /** Requests that wait during a call to Redis for the same caller. */
  readonly #asking = new Map<RateLimitPolicy, Asker[]>();
  readonly #accounts = new Map<RateLimitPolicy, Account>();
  readonly #seen = new WeakMap<Bucket, Seen>();
  #restUntil = 0;

  constructor(options: RedisRateLimiterOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Takes the request's cost from all buckets, or from none. */
  take(policy: RateLimitPolicy, notifications: number, bytes = 0): Verdict | Promise<Verdict> {
    const costs = policy.costs(notifications, bytes);
    return this.#onAccount(policy, costs) ?? new Promise((told) => this.#queue(policy, { costs, told }));
  }

  #onAccount(policy: RateLimitPolicy, costs: number[]): Verdict | undefined {
    const oldest = this.#now() - BELIEVED_MS;
    const seen: Seen[] = [];
    for (let index = 0; index < costs.length; index += 1) {
      const bucket = policy.buckets[index]!;
      const one = this.#seen.get(bucket);
      if (!one || one.at < oldest || one.taken + costs[index]! > ON_ACCOUNT * leftIn(bucket, one.owed))
        return undefined;
      seen.push(one);
    }
    let account = this.#accounts.get(policy);
    if (!account) {
      const timer = setTimeout(() => this.#settle(policy), SETTLE_MS);
      this.#accounts.set(policy, (account = { taken: policy.costs(0, 0), timer }));
    }
    for (let index = 0; index < costs.length; index += 1) {
      seen[index]!.taken += costs[index]!;
      account.taken[index]! += costs[index]!;
    }
    const owed = policy.buckets.map(({ rate }, index) => {
      const one = seen[index]!;
      return one.owed + (one.taken * 1_000_000) / rate.rate;
    });
    return policy.verdict(costs, true, owed);
  }

  #settle(policy: RateLimitPolicy): void {
    this.#queue(policy, { costs: policy.costs(0, 0), told: () => undefined });
  }

  #queue(policy: RateLimitPolicy, asker: Asker): void {
    const waiting = this.#asking.get(policy);
    if (waiting) waiting.push(asker);
    else void this.#serve(policy, asker);
  }

  /** Each caller in progress holds requests of its own, which bounds their number. */
  async #serve(policy: RateLimitPolicy, first: Asker): Promise<void> {
    const waiting = [first];
    this.#asking.set(policy, waiting);
    while (waiting.length > 0) {
      const askers = waiting.splice(0, MOST_AT_ONCE);
      const answers = await this.#ask(policy, askers);
      askers.forEach(({ costs, told }, index) => {
        const [passed, ...owed] = answers?.[index] ?? this.#takeHere(policy, costs);
        told(policy.verdict(costs, passed === 1, owed));
      });
    }
    this.#asking.delete(policy);
  }

  /**
   * For each asker, whether it passes, and for each bucket, the time until it is full (us). Undefined while Redis is
   * away.
   */
  async #ask(policy: RateLimitPolicy, askers: readonly Asker[]): Promise<number[][] | undefined> {
    const { redis, waitMs } = this.#options;
    const { buckets, keys, rates } = policy;
    const account = this.#accounts.get(policy);
    clearTimeout(account?.timer);
    this.#accounts.delete(policy);
    const taken = account?.taken ?? policy.costs(0, 0);
    let answers: number[][] | undefined;
    if (redis.status === "ready" && this.#now() >= this.#restUntil) {
      const args = [...keys, ...rates, ...taken, ...askers.flatMap(({ costs }) => costs)];
      answers = await withTimeout(waitMs, this.#run(keys.length, args));
      if (!answers) this.#restUntil = this.#now() + REST_MS;
    }
    const [, ...owed] = answers?.at(-1) ?? [];
    buckets.forEach((bucket, index) => this.#hear(bucket, taken[index]!, owed[index]));
    return answers;
  }

  /** Nothing is taken on account of a bucket for which Redis did not report `owed`. */
  #hear(bucket: Bucket, taken: number, owed: number | undefined): void {
    const seen = this.#seen.get(bucket) ?? { at: 0, owed: 0, taken: 0 };
    seen.taken -= taken;
    seen.owed = owed ?? 0;
    seen.at = owed === undefined ? -Infinity : this.#now();
    this.#seen.set(bucket, seen);
  }

  async #run(keys: number, args: (string | number)[]): Promise<number[][]> {
    const { redis } = this.#options;
    try {
      return (await redis.evalsha(TAKE_SHA, keys, ...args)) as number[][];
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return (await redis.eval(TAKE, keys, ...args)) as number[][];
    }
  }

  #takeHere({ buckets }: RateLimitPolicy, costs: readonly number[]): number[] {
    // Zero costs only report earlier amounts and belong to no request.
    if (costs.some((cost) => cost > 0)) this.#options.alone();
    const now = this.#now();
    const before = buckets.map(({ key }) => this.#local.peek(key) ?? 0);
    const after = buckets.map(({ rate }, index) => taken(before[index]!, now, rate, costs[index]));
    const passed = !after.includes(undefined);
    const fullAt = passed ? (after as number[]) : before;
    if (passed) for (const [index, { key }] of buckets.entries()) this.#local.set(key, fullAt[index]);
    return [passed ? 1 : 0, ...fullAt.map((at) => Math.max(0, at - now) * 1_000)];
  }
}

/**
 * Like `taken` of rate-limits/gcra.ts, for several buckets (all or none) and several askers in turn. Amounts taken on
 * account come first. Each asker has a cost for each bucket. Returns for each asker whether it passes, and for each
 * bucket the time until it is full (us).
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local each, burst, from = {}, {}, {}
local took = false
for i, key in ipairs(KEYS) do
  each[i], burst[i] = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local taken = tonumber(ARGV[2 * #KEYS + i])
  from[i] = math.max(now, tonumber(redis.call('GET', key) or 0)) + taken * each[i]
  took = took or taken > 0
end
local answers = {}
for n = 3 * #KEYS, #ARGV - 1, #KEYS do
  local passed = 1
  for i = 1, #KEYS do
    if from[i] - now + math.min(tonumber(ARGV[n + i]), burst[i]) * each[i] > burst[i] * each[i] + 1 then passed = 0 end
  end
  local answer = { passed }
  for i = 1, #KEYS do
    if passed == 1 then from[i] = from[i] + tonumber(ARGV[n + i]) * each[i] end
    answer[i + 1] = math.ceil(from[i] - now)
  end
  took = took or passed == 1
  answers[#answers + 1] = answer
end
if took then
  for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.0f', from[i]), 'PX', math.ceil((from[i] - now) / 1000) + 1)
  end
end
return answers`;
const TAKE_SHA = createHash("sha1").update(TAKE).digest("hex");
