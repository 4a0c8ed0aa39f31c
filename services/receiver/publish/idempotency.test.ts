import type { Redis } from "@saasaparilla/shared/redis/client.ts";
import type { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { expect, onTestFinished, test, vi } from "vitest";
import { Idempotency } from "./idempotency.ts";

test("the first caller waits a moment for a hanging Redis, and for a second the others do not", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let asked = 0;
  let unguarded = 0;
  const set = (): Promise<never> => {
    asked += 1;
    return new Promise(() => {});
  };
  const redis = { status: "ready", set } as unknown as Redis;
  const metrics = { unguarded: () => (unguarded += 1) };
  const idempotency = new Idempotency(redis, {} as Keys, metrics, { REPEAT_WAIT_MS: 200, IDEMPOTENCY_SECONDS: 60 });
  const entries = [{ name: "a", fingerprint: "b" }];
  const first = idempotency.reserve(entries);
  await vi.advanceTimersByTimeAsync(200);
  expect(await first).toBeUndefined();
  await vi.advanceTimersByTimeAsync(999);
  for (let times = 0; times < 4; times += 1) expect(await idempotency.reserve(entries)).toBeUndefined();
  expect([asked, unguarded]).toEqual([1, 5]);
  await vi.advanceTimersByTimeAsync(1);
  void idempotency.reserve(entries);
  expect(asked).toBe(2);
});
