import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FetchThrottle } from "./fetch-throttle.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => vi.useRealTimers());

test("a fetch waits until 4 ms after the last one began, with one timer, and not if that time is over", async () => {
  const fetchThrottle = new FetchThrottle();
  expect(fetchThrottle.over(100)).toBeUndefined();
  fetchThrottle.began(100);
  const over = fetchThrottle.over(101);
  expect(over).toBeInstanceOf(Promise);
  expect(fetchThrottle.over(102)).toBe(over);
  const resolved = vi.fn<() => void>();
  void over!.then(resolved);
  await vi.advanceTimersByTimeAsync(2);
  expect(resolved).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(resolved).toHaveBeenCalled();
  expect(fetchThrottle.over(104)).toBeUndefined();
  fetchThrottle.began(110);
  expect(fetchThrottle.over(110)).not.toBe(over);
});
