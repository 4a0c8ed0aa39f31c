import { expect, test } from "vitest";
import { Allowance, Rates, type Bucket } from "./rates.ts";
import type { Redis } from "./redis.ts";

const tenant: Bucket = { key: "t", policy: "tenant", rate: { rate: 10, burst: 20 } };
const publisher: Bucket = { key: "p", policy: "publisher", rate: { rate: 1, burst: 5 } };
const both = new Allowance([tenant, publisher]);
const away = { status: "reconnecting" } as Redis;

test("without Redis it counts by itself: all of the buckets, or none, and says for how long", async () => {
  let now = 0;
  let alone = 0;
  const rates = new Rates({ redis: away, waitMs: 10, alone: () => (alone += 1), now: () => now });
  const first = await rates.take(both, 5);
  expect(first.refused).toBeUndefined();
  expect(first.headers.ratelimit).toBe('"tenant";r=15;t=1, "publisher";r=0;t=5');
  const second = await rates.take(both, 2);
  expect(second.refused).toEqual({ policy: "publisher", retryMs: 2_000 });
  // Nothing was taken of the other.
  expect(second.headers.ratelimit).toBe('"tenant";r=15;t=1, "publisher";r=0;t=5');
  now = 2_000;
  expect((await rates.take(both, 2)).refused).toBeUndefined();
  expect(alone).toBe(3);
});

test("a Redis that does not answer is waited for once, and then left alone for a while", async () => {
  let now = 0;
  let asked = 0;
  const evalsha = (): Promise<never> => {
    asked += 1;
    return new Promise(() => {});
  };
  const redis = { status: "ready", evalsha } as unknown as Redis;
  const rates = new Rates({ redis, waitMs: 1, alone: () => {}, now: () => now });
  for (let n = 0; n < 3; n += 1) expect((await rates.take(both, 1)).refused).toBeUndefined();
  expect(asked).toBe(1);
  now = 1_000;
  await rates.take(both, 1);
  expect(asked).toBe(2);
  // Those who waited behind it wait no second time.
  now = 2_000;
  await Promise.all([1, 2, 3].map(() => rates.take(both, 1)));
  expect(asked).toBe(3);
});

test("who comes while Redis is asked for the same caller goes with the next question, and each hears its own answer", async () => {
  const questions: unknown[][] = [];
  const evalsha = async (_sha: string, _keys: number, ...args: unknown[]) => {
    const costs = args.slice(6);
    questions.push(costs);
    await Promise.resolve();
    return costs.map((cost) => [Number(cost) > 9 ? 0 : 1, Number(cost) * 1_000_000, 0]);
  };
  const redis = { status: "ready", evalsha } as unknown as Redis;
  const rates = new Rates({ redis, waitMs: 1_000, alone: () => {} });
  const other = new Allowance([tenant, { ...publisher, key: "q" }]);
  const answers = await Promise.all([
    rates.take(both, 1),
    rates.take(both, 2),
    rates.take(other, 3),
    ...Array.from({ length: 250 }, () => rates.take(both, 10)),
  ]);
  expect(questions.map((costs) => costs.length)).toEqual([1, 1, 200, 51]);
  expect(answers.map(({ refused }) => refused !== undefined)).toEqual([false, false, false, ...Array(250).fill(true)]);
  expect(answers.slice(0, 3).map(({ headers }) => headers.ratelimit)).toEqual([
    '"tenant";r=10;t=1, "publisher";r=5;t=0',
    '"tenant";r=0;t=2, "publisher";r=5;t=0',
    '"tenant";r=0;t=3, "publisher";r=5;t=0',
  ]);
  await rates.take(both, 1);
  expect(questions).toHaveLength(5);
});

test("the policies say the quota and its window", () => {
  expect(both.policies).toBe('"tenant";q=20;w=2, "publisher";q=5;w=5');
});
