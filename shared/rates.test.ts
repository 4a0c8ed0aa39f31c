import { expect, test } from "vitest";
import { Rates, rateHeaders, type Bucket } from "./rates.ts";
import type { Redis } from "./redis.ts";

const tenant: Bucket = { key: "t", policy: "tenant", rate: { rate: 10, burst: 20 } };
const publisher: Bucket = { key: "p", policy: "publisher", rate: { rate: 1, burst: 5 } };
const away = { status: "reconnecting" } as Redis;

test("without Redis it counts by itself: all of the buckets, or none, and says for how long", async () => {
  let now = 0;
  let alone = 0;
  const rates = new Rates({ redis: away, waitMs: 10, alone: () => (alone += 1), now: () => now });
  const first = await rates.take([tenant, publisher], 5);
  expect(first.refused).toBeUndefined();
  expect(first.standings.map(({ remaining }) => remaining)).toEqual([15, 0]);
  const second = await rates.take([tenant, publisher], 2);
  expect(second.refused).toEqual({ policy: "publisher", retryMs: 2_000 });
  // Nothing was taken of the other.
  expect(second.standings.map(({ remaining }) => remaining)).toEqual([15, 0]);
  now = 2_000;
  expect((await rates.take([tenant, publisher], 2)).refused).toBeUndefined();
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
  for (let n = 0; n < 3; n += 1) expect((await rates.take([tenant], 1)).refused).toBeUndefined();
  expect(asked).toBe(1);
  now = 1_000;
  await rates.take([tenant], 1);
  expect(asked).toBe(2);
});

test("the headers say the quota, its window, what is left and when all of it is there again", () => {
  const standings = [
    { ...tenant, remaining: 15, resetMs: 500 },
    { ...publisher, remaining: 0, resetMs: 4_001 },
  ];
  expect(rateHeaders(standings)).toEqual({
    "ratelimit-policy": '"tenant";q=20;w=2, "publisher";q=5;w=5',
    ratelimit: '"tenant";r=15;t=1, "publisher";r=0;t=5',
  });
});
