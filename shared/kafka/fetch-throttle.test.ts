import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Pace } from "./fetch-throttle.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => vi.useRealTimers());

test("the next fetch waits until 4 ms after the last one began, by one timer, and not at all where that is over", async () => {
  const pace = new Pace();
  expect(pace.over(100)).toBeUndefined();
  pace.began(100);
  const over = pace.over(101);
  expect(over).toBeInstanceOf(Promise);
  expect(pace.over(102)).toBe(over);
  const resolved = vi.fn<() => void>();
  void over!.then(resolved);
  await vi.advanceTimersByTimeAsync(2);
  expect(resolved).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(resolved).toHaveBeenCalled();
  expect(pace.over(104)).toBeUndefined();
  pace.began(110);
  expect(pace.over(110)).not.toBe(over);
});
