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

/** All that the requests of one caller count against. */
export class Allowance {
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
      .map(({ policy, rate: { rate, burst } }) => `"${policy}";q=${burst};w=${Math.max(1, Math.ceil(burst / rate))}`)
      .join(", ");
    this.keys = buckets.map(({ key }) => key);
    this.rates = buckets.flatMap(({ rate: { rate, burst } }) => [1_000_000 / rate, burst]);
  }
}

export interface Verdict {
  /** Undefined where it passes: else what it was refused at, and how long until it would not be. */
  refused: { policy: string; retryMs: number } | undefined;
  /** How much is left after it. */
  headers: Record<string, string>;
}

interface Asker {
  cost: number;
  told: (verdict: Verdict) => void;
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
/** Requests of one caller in one question: a script is never long at work. */
const MOST_AT_ONCE = 200;

/**
 * Rates over all processes, by buckets in Redis, and its time is that of Redis. A caller's requests that come while it is being asked for one of them
 * wait for the answer and go with the next question: they are counted one after the other all the same. While Redis is away each
 * process counts by itself, with the whole rates: so limits hold for each, nobody is refused for it, and nobody is let go.
 */
export class Rates {
  readonly #options: RatesOptions;
  readonly #now: () => number;
  /** Key to when it is full again (ms), longest untouched first. */
  readonly #local = new Map<string, number>();
  /** Those who wait while Redis is asked for others of the same caller. */
  readonly #asking = new Map<Allowance, Asker[]>();
  #restUntil = 0;

  constructor(options: RatesOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Takes `cost` from all of the buckets, or from none. */
  take(allowance: Allowance, cost: number): Promise<Verdict> {
    return new Promise((told) => {
      const waiting = this.#asking.get(allowance);
      if (waiting) waiting.push({ cost, told });
      else void this.#serve(allowance, { cost, told });
    });
  }

  /** As many as are asked for hold requests of their own, which bounds them. */
  async #serve(allowance: Allowance, first: Asker): Promise<void> {
    const waiting = [first];
    this.#asking.set(allowance, waiting);
    while (waiting.length > 0) {
      const askers = waiting.splice(0, MOST_AT_ONCE);
      const answers = await this.#ask(allowance, askers);
      askers.forEach(({ cost, told }, index) => {
        const [passed, ...owed] = answers?.[index] ?? this.#takeHere(allowance, cost);
        told(verdict(allowance, cost, passed === 1, owed));
      });
    }
    this.#asking.delete(allowance);
  }

  /** For each asker whether it passes, and for each bucket how long until it is full (us); undefined where Redis is away. */
  async #ask({ keys, rates }: Allowance, askers: readonly Asker[]): Promise<number[][] | undefined> {
    const { redis, waitMs } = this.#options;
    if (redis.status !== "ready" || this.#now() < this.#restUntil) return undefined;
    const args = [...keys, ...rates, ...askers.map(({ cost }) => cost)];
    const answers = await within(waitMs, this.#run(keys.length, args));
    if (!answers) this.#restUntil = this.#now() + REST_MS;
    return answers;
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

  #takeHere({ buckets }: Allowance, cost: number): number[] {
    this.#options.alone();
    const now = this.#now();
    const before = buckets.map(({ key }) => this.#local.get(key) ?? 0);
    const after = buckets.map(({ rate }, index) => taken(before[index]!, now, rate, cost));
    const passed = !after.includes(undefined);
    const fullAt = passed ? (after as number[]) : before;
    if (passed) buckets.forEach(({ key }, index) => this.#keep(key, fullAt[index]!));
    return [passed ? 1 : 0, ...fullAt.map((at) => Math.max(0, at - now) * 1_000)];
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

/** `owed`: for each bucket the time until it is full, in us. */
function verdict({ buckets, policies }: Allowance, cost: number, passed: boolean, owed: readonly number[]): Verdict {
  const left = buckets.map(({ policy, rate: { rate, burst } }, index) => {
    const remaining = Math.max(0, Math.floor(burst - (owed[index]! * rate) / 1_000_000));
    return `"${policy}";r=${remaining};t=${Math.ceil(owed[index]! / 1_000_000)}`;
  });
  return {
    refused: passed ? undefined : worstOf(buckets, cost, owed),
    headers: { "ratelimit-policy": policies, ratelimit: left.join(", ") },
  };
}

function worstOf(buckets: readonly Bucket[], cost: number, owed: readonly number[]) {
  const waits = buckets.map(({ policy, rate: { rate, burst } }, index) => ({
    policy,
    retryMs: Math.max(0, owed[index]! / 1_000 - (burst - Math.min(cost, burst)) * (1_000 / rate)),
  }));
  return waits.reduce((worst, one) => (one.retryMs > worst.retryMs ? one : worst));
}

/**
 * As `taken` of rate.ts, for several buckets, all or none, and several costs one after the other. Answers for each of these whether
 * it passes, and for each bucket how long until it is full (us).
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local each, burst, from = {}, {}, {}
for i, key in ipairs(KEYS) do
  each[i], burst[i] = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  from[i] = math.max(now, tonumber(redis.call('GET', key) or 0))
end
local answers, took = {}, false
for n = 2 * #KEYS + 1, #ARGV do
  local cost, passed = tonumber(ARGV[n]), 1
  for i = 1, #KEYS do
    if from[i] - now + math.min(cost, burst[i]) * each[i] > burst[i] * each[i] + 1 then passed = 0 end
  end
  local answer = { passed }
  for i = 1, #KEYS do
    if passed == 1 then from[i] = from[i] + cost * each[i] end
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
