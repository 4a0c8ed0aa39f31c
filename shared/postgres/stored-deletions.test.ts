import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { StoredDeletions } from "./stored-deletions.ts";
import { createRegistry, type Registry } from "#runtime/metrics.ts";

let registry: Registry;
let failures: number;
/** Postgres' answers, first call first; then it succeeds. */
let away: boolean;
let deleted: [string, string][][];
let storedDeletions: StoredDeletions;

beforeEach(() => {
  vi.useFakeTimers();
  registry = createRegistry("test");
  failures = 0;
  away = false;
  deleted = [];
  storedDeletions = new StoredDeletions({
    remove(batch) {
      if (away) return Promise.reject(new Error("Postgres is away"));
      deleted.push([...batch]);
      return Promise.resolve();
    },
    failed: () => (failures += 1),
    registry,
  });
});

afterEach(() => vi.useRealTimers());

const forgotten = async (): Promise<number> =>
  (await registry.getSingleMetric("deletions_forgotten_total")!.get()).values[0]?.value ?? 0;

test("one statement deletes up to the latest sequence of each client", async () => {
  storedDeletions.add("t/a", "1");
  storedDeletions.add("t/b", "5");
  storedDeletions.add("t/a", "3");
  storedDeletions.add("t/b", "4");
  await vi.advanceTimersByTimeAsync(50);
  expect(deleted).toEqual([
    [
      ["t/a", "3"],
      ["t/b", "5"],
    ],
  ]);
  expect(storedDeletions.waiting).toBe(0);
});

test("a failed deletion is repeated until it succeeds, with later additions", async () => {
  away = true;
  storedDeletions.add("t/a", "1");
  await vi.advanceTimersByTimeAsync(50 + 2_000 * 3);
  expect([failures, deleted.length]).toEqual([4, 0]);
  storedDeletions.add("t/a", "2");
  away = false;
  await vi.advanceTimersByTimeAsync(2_000);
  expect(deleted).toEqual([[["t/a", "2"]]]);
});

test("deletions over the limit forget and count further clients, and update those that wait", async () => {
  away = true;
  for (let client = 0; client < 100_000; client += 1) storedDeletions.add(`t/${client}`, "1");
  storedDeletions.add("t/one-more", "1");
  storedDeletions.add("t/7", "2");
  expect([storedDeletions.waiting, await forgotten()]).toEqual([100_000, 1]);
  away = false;
  await vi.advanceTimersByTimeAsync(3_000);
  expect(new Map(deleted.flat()).get("t/7")).toBe("2");
  expect([storedDeletions.waiting, deleted.flat().length]).toEqual([0, 100_000]);
});

test("close() deletes all that waits, in statements of limited size, and gives up if Postgres is away", async () => {
  for (let client = 0; client < 12_000; client += 1) storedDeletions.add(`t/${client}`, "1");
  await storedDeletions.close();
  expect(deleted.map(({ length }) => length)).toEqual([5_000, 5_000, 2_000]);
  away = true;
  storedDeletions.add("t/a", "1");
  await storedDeletions.close();
  expect([storedDeletions.waiting, failures]).toEqual([1, 1]);
  expect(vi.getTimerCount()).toBe(0);
});

test("clients whose rows another service deletes are asked for again, until those rows are gone", async () => {
  const asked: string[][] = [];
  const left = new Set(["t/a"]);
  const deletions = new StoredDeletions({
    remove(batch) {
      asked.push([...batch].flat());
      return Promise.resolve([...batch.keys()].filter((key) => left.has(key)));
    },
    failed: () => (failures += 1),
    registry: createRegistry("other"),
  });
  deletions.add("t/a", "1");
  deletions.add("t/b", "1");
  await vi.advanceTimersByTimeAsync(50);
  await vi.advanceTimersByTimeAsync(2_050);
  left.clear();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(asked).toEqual([
    ["t/a", "1", "t/b", "1"],
    ["t/a", "1"],
    ["t/a", "1"],
  ]);
  expect(deletions.waiting).toBe(0);
});
