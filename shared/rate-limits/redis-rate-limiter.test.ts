import { expect, test } from "vitest";
import { RateLimitPolicy, type Bucket } from "./rate-limit-policy.ts";
import { RedisRateLimiter } from "./redis-rate-limiter.ts";
import type { Redis } from "#redis/client.ts";

const tenant: Bucket = { key: "t", policy: "tenant", rate: { rate: 10, burst: 20 } };
const publisher: Bucket = { key: "p", policy: "publisher", rate: { rate: 1, burst: 5 } };
const both = new RateLimitPolicy([tenant, publisher]);
const away = { status: "reconnecting" } as Redis;

test("without Redis a receiver counts alone, all buckets or none, and reports for how long", async () => {
  let now = 0;
  let alone = 0;
  const rateLimiter = new RedisRateLimiter({ redis: away, waitMs: 10, alone: () => (alone += 1), now: () => now });
  const first = await rateLimiter.take(both, 5);
  expect(first.refused).toBeUndefined();
  expect(first.headers.ratelimit).toBe('"tenant";r=15;t=1, "publisher";r=0;t=5');
  const second = await rateLimiter.take(both, 2);
  expect(second.refused).toEqual({ policy: "publisher", retryMs: 2_000 });
  // The other bucket lost nothing.
  expect(second.headers.ratelimit).toBe('"tenant";r=15;t=1, "publisher";r=0;t=5');
  now = 2_000;
  expect((await rateLimiter.take(both, 2)).refused).toBeUndefined();
  expect(alone).toBe(3);
});

test("an unresponsive Redis is awaited once, then skipped for a while", async () => {
  let now = 0;
  let asked = 0;
  const evalsha = (): Promise<never> => {
    asked += 1;
    return new Promise(() => {});
  };
  const redis = { status: "ready", evalsha } as unknown as Redis;
  const rateLimiter = new RedisRateLimiter({ redis, waitMs: 1, alone: () => {}, now: () => now });
  for (let n = 0; n < 3; n += 1) expect((await rateLimiter.take(both, 1)).refused).toBeUndefined();
  expect(asked).toBe(1);
  now = 1_000;
  await rateLimiter.take(both, 1);
  expect(asked).toBe(2);
  // Callers that waited for it do not wait a second time.
  now = 2_000;
  const behind = [1, 2, 3].map(() => rateLimiter.take(both, 1));
  for (const verdict of behind) await verdict;
  expect(asked).toBe(3);
});

test("calls during a Redis request for the same caller share the next one, and each gets its own answer", async () => {
  const questions: unknown[][] = [];
  const evalsha = async (_sha: string, _keys: number, ...args: unknown[]) => {
    // After rate, burst and the tokens taken on account, of two buckets: two costs for each caller.
    const costs = args.slice(8).filter((_, index) => index % 2 === 0);
    questions.push(costs);
    await Promise.resolve();
    return costs.map((cost) => [Number(cost) > 9 ? 0 : 1, Number(cost) * 1_000_000, 0]);
  };
  const redis = { status: "ready", evalsha } as unknown as Redis;
  const rateLimiter = new RedisRateLimiter({ redis, waitMs: 1_000, alone: () => {} });
  const other = new RateLimitPolicy([tenant, { ...publisher, key: "q" }]);
  const answers = await Promise.all([
    rateLimiter.take(both, 1),
    rateLimiter.take(both, 2),
    rateLimiter.take(other, 3),
    ...Array.from({ length: 250 }, () => rateLimiter.take(both, 10)),
  ]);
  expect(questions.map((costs) => costs.length)).toEqual([1, 1, 200, 51]);
  expect(answers.map(({ refused }) => refused !== undefined)).toEqual([false, false, false, ...Array(250).fill(true)]);
  expect(answers.slice(0, 3).map(({ headers }) => headers.ratelimit)).toEqual([
    '"tenant";r=10;t=1, "publisher";r=5;t=0',
    '"tenant";r=0;t=2, "publisher";r=5;t=0',
    '"tenant";r=0;t=3, "publisher";r=5;t=0',
  ]);
  await rateLimiter.take(both, 1);
  expect(questions).toHaveLength(5);
});

test("callers with tokens to spare do not wait: Redis is told later, together, and asked only near the limit", async () => {
  let now = 0;
  let left = 1_000;
  const questions: number[][] = [];
  const evalsha = async (...sent: (string | number)[]) => {
    // After its hash, the number of keys, the key, the rate and the burst.
    const told = sent.slice(5) as number[];
    questions.push(told);
    await Promise.resolve();
    return told.slice(1).map((cost) => [1, 1_000_000 - (left -= cost + (told[0] ?? 0)) * 1_000]);
  };
  const redis = { status: "ready", evalsha };
  const rateLimiter = new RedisRateLimiter({
    redis: redis as unknown as Redis,
    waitMs: 1_000,
    alone: () => {},
    now: () => now,
  });
  const plenty = new RateLimitPolicy([{ key: "k", policy: "all", rate: { rate: 1_000, burst: 1_000 } }]);
  expect((await rateLimiter.take(plenty, 10)).headers.ratelimit).toBe('"all";r=990;t=1');
  const onAccount = [rateLimiter.take(plenty, 20), rateLimiter.take(plenty, 20)];
  expect(onAccount).toMatchObject([
    { refused: undefined, headers: { ratelimit: '"all";r=970;t=1' } },
    { refused: undefined, headers: { ratelimit: '"all";r=950;t=1' } },
  ]);
  // A twentieth of the last known 990 is 49: Redis counts this request, and hears of the others with it.
  expect(await rateLimiter.take(plenty, 10)).toMatchObject({ headers: { ratelimit: '"all";r=940;t=1' } });
  expect(questions).toEqual([
    [0, 10],
    [40, 10],
  ]);
  expect(rateLimiter.take(plenty, 5)).not.toBeInstanceOf(Promise);
  await expect.poll(() => questions.at(-1)).toEqual([5, 0]);
  // An old answer is not trusted.
  now = 1_001;
  const late = rateLimiter.take(plenty, 5);
  expect(late).toBeInstanceOf(Promise);
  await late;
  expect(rateLimiter.take(plenty, 5)).not.toBeInstanceOf(Promise);
  // Nor is any answer of an absent Redis.
  redis.status = "reconnecting";
  expect(await rateLimiter.take(plenty, 900)).toMatchObject({ refused: undefined });
  expect(rateLimiter.take(plenty, 5)).toBeInstanceOf(Promise);
});

test("callers of one bucket share one sum of tokens on account", async () => {
  const shared: Bucket = { key: "t", policy: "tenant", rate: { rate: 1_000, burst: 1_000 } };
  const evalsha = (_sha: string, _keys: number, ...args: unknown[]) =>
    Promise.resolve(args.slice(8).map(() => [1, 0, 0]));
  const redis = { status: "ready", evalsha } as unknown as Redis;
  const rateLimiter = new RedisRateLimiter({ redis, waitMs: 1_000, alone: () => {} });
  const own = (key: string): Bucket => ({ key, policy: "publisher", rate: { rate: 1_000, burst: 1_000 } });
  const callers = Array.from({ length: 60 }, (_, n) => new RateLimitPolicy([shared, own(`p${n}`)]));
  for (const caller of callers) await rateLimiter.take(caller, 1);
  const answers = callers.map((caller) => rateLimiter.take(caller, 1));
  expect(answers.filter((answer) => answer instanceof Promise)).toHaveLength(10);
});

test("a byte bucket is charged bytes, and the others notifications: all of the request, or nothing", async () => {
  const bytes: Bucket = { key: "b", policy: "tenant-bytes", unit: "bytes", rate: { rate: 100, burst: 1_000 } };
  const three = new RateLimitPolicy([tenant, publisher, bytes]);
  const rateLimiter = new RedisRateLimiter({ redis: away, waitMs: 10, alone: () => {}, now: () => 0 });
  const first = await rateLimiter.take(three, 1, 900);
  expect(first.headers).toEqual({
    "ratelimit-policy": '"tenant";q=20;w=2, "publisher";q=5;w=5, "tenant-bytes";q=1000;w=10;qu="content-bytes"',
    ratelimit: '"tenant";r=19;t=1, "publisher";r=4;t=1, "tenant-bytes";r=100;t=9',
  });
  const second = await rateLimiter.take(three, 1, 150);
  expect(second.refused).toEqual({ policy: "tenant-bytes", retryMs: 500 });
  expect(second.headers.ratelimit).toBe('"tenant";r=19;t=1, "publisher";r=4;t=1, "tenant-bytes";r=100;t=9');
  expect((await rateLimiter.take(three, 1, 100)).refused).toBeUndefined();
});

test("bytes, too, are taken on account while there are plenty", async () => {
  const questions: number[][] = [];
  const evalsha = (_sha: string, _keys: number, ...args: number[]) => {
    questions.push(args.slice(6));
    return Promise.resolve([[1, 0, 0]]);
  };
  const redis = { status: "ready", evalsha } as unknown as Redis;
  const many: Bucket = { key: "n", policy: "tenant", rate: { rate: 1_000, burst: 1_000 } };
  const bytes: Bucket = { key: "b", policy: "tenant-bytes", unit: "bytes", rate: { rate: 1_000, burst: 1_000 } };
  const two = new RateLimitPolicy([many, bytes]);
  const rateLimiter = new RedisRateLimiter({ redis, waitMs: 1_000, alone: () => {} });
  await rateLimiter.take(two, 1, 10);
  expect(rateLimiter.take(two, 1, 30)).not.toBeInstanceOf(Promise);
  expect(rateLimiter.take(two, 2, 20)).not.toBeInstanceOf(Promise);
  await rateLimiter.take(two, 1, 1);
  expect(questions).toEqual([
    [0, 0, 1, 10],
    [3, 50, 1, 1],
  ]);
});

test("the policies state the quota and its window", () => {
  expect(both.policies).toBe('"tenant";q=20;w=2, "publisher";q=5;w=5');
});
