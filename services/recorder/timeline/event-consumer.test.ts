import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Batch, GroupReader } from "@saasaparilla/shared/kafka/client.ts";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { EventConsumer, type EventConsumerOptions } from "./event-consumer.ts";
import type { EventRow, GapRow } from "./rows.ts";

const DAY_MS = 86_400_000;
const TODAY = 20_000;
const ID = "6e8bc430-9c3a-41d9-9669-0800200c9a66";

let written: EventRow[];
let gaps: GapRow[];
let results: Record<string, number>;
let committed: number[];
let last: { offset: number; at: number } | undefined;
let write: EventConsumerOptions["write"];
let consumer: EventConsumer;

beforeEach(() => {
  vi.useFakeTimers();
  [written, gaps, results, committed, last] = [[], [], {}, [], undefined];
  write = (events, missing) => {
    written.push(...events);
    gaps.push(...missing);
    return Promise.resolve();
  };
  const quiet = (): void => {};
  consumer = new EventConsumer({
    topic: "events",
    maxBytes: 1e6,
    write: (events, missing) => write(events, missing),
    last: () => Promise.resolve(last),
    instance: "here",
    days: 7,
    wall: () => TODAY * DAY_MS + 5,
    metrics: {
      read: quiet,
      paused: quiet,
      watch: quiet,
      rows: (result, count) => (results[result] = (results[result] ?? 0) + (count ?? 1)),
      gaps: quiet,
      retried: quiet,
    },
    log: { info: quiet, warn: quiet, error: quiet, debug: quiet } as unknown as Log,
    fatal: (error) => expect.unreachable(String(error)),
  });
  consumer.use({
    commit: (offsets) => Promise.resolve(void committed.push(...offsets.map(({ offset }) => offset))),
    pause: quiet,
    resume: quiet,
    seek: quiet,
    rejoin: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  } satisfies GroupReader);
  consumer.assigned([0], "me");
});

afterEach(() => vi.useRealTimers());

function batchOf(offsets: readonly number[], daysAgo = 0, kind = "stored"): Batch {
  const value = Buffer.from(JSON.stringify([[1, kind, "acme/u1", ID, {}]]));
  const appended = (TODAY - daysAgo) * DAY_MS + 1;
  const records = offsets.map((offset) => ({ offset, appended, value, headers: {} }));
  return { topic: "events", partition: 0, records, highWatermark: 0 };
}

const passes = (ms = 3_000): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

test("records are committed when their rows are written, and not before", async () => {
  let done = (): void => {};
  const held = new Promise<void>((resolve) => (done = resolve));
  write = () => held;
  consumer.read(batchOf([0, 1, 2]));
  await passes();
  await consumer.commit();
  expect(committed).toEqual([]);
  done();
  await passes();
  await consumer.commit();
  expect(committed).toEqual([3]);
});

test("a failed write is repeated with the same rows", async () => {
  let tries = 0;
  const keep = write;
  write = (events, missing) => {
    tries += 1;
    return tries < 3 ? Promise.reject(new Failure("retry", "Postgres is away")) : keep(events, missing);
  };
  consumer.read(batchOf([0, 1]));
  await passes();
  expect([tries, written.map(({ offset }) => offset)]).toEqual([3, [0, 1]]);
});

test("a row that Postgres refuses is left out, and the others are written", async () => {
  const keep = write;
  write = (events, missing) =>
    events.some(({ offset }) => offset === 2)
      ? Promise.reject(new Failure("reject", "no such day"))
      : keep(events, missing);
  consumer.read(batchOf([0, 1, 2, 3]));
  await passes();
  await consumer.commit();
  expect([written.map(({ offset }) => offset), results.bad, committed]).toEqual([[0, 1, 3], 1, [4]]);
});

test("a gap before a row that Postgres refuses is written", async () => {
  last = { offset: 4, at: 900 };
  const keep = write;
  write = (events, missing) =>
    events.length > 0 ? Promise.reject(new Failure("reject", "no such day")) : keep(events, missing);
  consumer.read(batchOf([10]));
  await passes();
  expect([gaps.map(({ count }) => count), written, results.bad]).toEqual([[5], [], 1]);
});

test("a record that arrives in any turn of the end of a write is written, without a further one", async () => {
  const keep = write;
  for (let turns = 0; turns < 40; turns += 1) {
    let arrival: Promise<void> | undefined;
    write = async (events, missing) => {
      await keep(events, missing);
      arrival ??= (async () => {
        for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
        consumer.read(batchOf([2 * turns + 1]));
      })();
    };
    consumer.read(batchOf([2 * turns]));
    await passes();
    expect([turns, written.length]).toEqual([turns, 2 * turns + 2]);
  }
});

test("records that Kafka deleted before they were read are a gap, also across a restart", async () => {
  last = { offset: 4, at: 900 };
  consumer.read(batchOf([10]));
  await passes();
  consumer.read(batchOf([11, 20]));
  await passes();
  expect(gaps).toMatchObject([
    { service: "recorder", instance: "here", offset: 10, item: -1, began: 900, count: 5 },
    { offset: 20, count: 8 },
  ]);
});

test("a recorder that has never run begins without a gap, wherever the topic begins", async () => {
  consumer.read(batchOf([100]));
  await passes();
  expect([gaps, written.length]).toEqual([[], 1]);
});

test("events whose day is not kept are counted, and not written", async () => {
  consumer.read(batchOf([0], 7));
  consumer.read(batchOf([1], 6));
  await passes();
  expect([written.map(({ offset }) => offset), results.expired]).toEqual([[1], 1]);
});
