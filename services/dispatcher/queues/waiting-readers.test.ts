import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WaitingReaders } from "./waiting-readers.ts";

let asked: string[][];
let nonEmpty: () => Promise<string[]>;
let readers: WaitingReaders;
const stays = new AbortController().signal;

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  nonEmpty = () => Promise.resolve([]);
  readers = new WaitingReaders((queues) => {
    asked.push(queues);
    return nonEmpty();
  });
});

afterEach(() => vi.useRealTimers());

test("all readers share one query in 200 ms, and those of a queue with messages go on", async () => {
  const done: string[] = [];
  for (const queue of ["t/{a}", "t/{a}", "t/{b}"]) void readers.wait(queue, 1_000, stays).then(() => done.push(queue));
  await vi.advanceTimersByTimeAsync(399);
  expect([asked, done, readers.size]).toEqual([[["t/{a}", "t/{b}"]], [], 3]);
  nonEmpty = () => Promise.resolve(["t/{a}"]);
  await vi.advanceTimersByTimeAsync(1);
  expect([done, readers.size]).toEqual([["t/{a}", "t/{a}"], 1]);
  nonEmpty = () => Promise.resolve([]);
  await vi.advanceTimersByTimeAsync(600);
  expect([done.length, readers.size, asked.at(-1)]).toEqual([3, 0, ["t/{b}"]]);
  expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
});

test("a failed query fails all readers, and a reader that goes away leaves", async () => {
  nonEmpty = () => Promise.reject(new Error("away"));
  const failed = readers.wait("t/{a}", 1_000, stays).catch(String);
  const gone = new AbortController();
  const left = readers.wait("t/{b}", 1_000, gone.signal);
  gone.abort();
  await left;
  expect(readers.size).toBe(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(await failed).toBe("Error: away");
});

test("the end of the process answers all readers, and one above the limit fails at once", async () => {
  const waiting = Array.from({ length: 2_000 }, () => readers.wait("t/{a}", 30_000, stays));
  await expect(readers.wait("t/{b}", 1_000, stays)).rejects.toThrow("Too many readers");
  readers.end();
  await Promise.all(waiting);
  await readers.wait("t/{a}", 30_000, stays);
  expect(readers.size).toBe(0);
});
