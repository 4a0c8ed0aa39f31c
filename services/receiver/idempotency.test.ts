import type { Keys, Redis } from "@saasaparilla/shared/redis.ts";
import { expect, onTestFinished, test, vi } from "vitest";
import { derivedId, Idempotency, readKey } from "./idempotency.ts";

test("a key is a quoted string, or what stands there without quotes", () => {
  expect(readKey(undefined)).toBeUndefined();
  expect(readKey('"abc"')).toBe("abc");
  expect(readKey("abc")).toBe("abc");
  expect(readKey('"a\\"b\\\\c"')).toBe('a"b\\c');
  for (const wrong of ["", '"', '""', '"a', 'a"b', '"a"b"', "ä", "x".repeat(256)])
    expect(() => readKey(wrong)).toThrow("Idempotency-Key");
});

test("derived ids are UUIDs of version 8, and differ by tenant, key and index", () => {
  const ids = [
    derivedId("acme", "k", 0),
    derivedId("acme", "k", 1),
    derivedId("acme", "l", 0),
    derivedId("other", "k", 0),
  ];
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(ids).size).toBe(4);
  expect(derivedId("acme", "k", 0)).toBe(ids[0]);
});

test("of those who come while Redis hangs the first waits a moment for it, and for a second nobody else", async () => {
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
  const idempotency = new Idempotency(redis, {} as Keys, metrics, { REPEAT_WAIT_MS: 200, REPEAT_SECONDS: 60 });
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
