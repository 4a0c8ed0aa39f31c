import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { IdleLoops } from "./idle-loops.ts";
import type { Connection } from "#sessions/connection.ts";

let expired: Connection[];
let replaced: Connection[];
let idle: IdleLoops;

beforeEach(() => {
  vi.useFakeTimers();
  expired = [];
  replaced = [];
  idle = new IdleLoops(
    { closed: (connection) => expired.push(connection), end: (connection) => replaced.push(connection) },
    1_000,
  );
});

afterEach(() => vi.useRealTimers());

const loopOf = (tenant: string): Connection => ({ session: { key: `${tenant}/u1` } }) as Connection;

test("a loop ends after its grace period without another poll", () => {
  const [left, polled] = [loopOf("acme"), loopOf("acme")];
  idle.add(left);
  idle.add(polled);
  vi.advanceTimersByTime(900);
  idle.remove(polled);
  vi.advanceTimersByTime(200);
  expect([expired, idle.size]).toEqual([[left], 0]);
  idle.add(polled);
  vi.advanceTimersByTime(1_000);
  expect([expired, replaced]).toEqual([[left, polled], []]);
});

test("the longest idle loop gives way, of one tenant or of all", () => {
  const [first, second, other] = [loopOf("acme"), loopOf("acme"), loopOf("other")];
  for (const connection of [other, first, second]) idle.add(connection);
  expect(idle.giveWay("acme")).toBe(true);
  expect(idle.giveWay()).toBe(true);
  expect(replaced).toEqual([first, other]);
  expect(idle.giveWay("other")).toBe(false);
  idle.remove(second);
  expect(idle.giveWay()).toBe(false);
  vi.advanceTimersByTime(2_000);
  expect(expired).toEqual([]);
});
