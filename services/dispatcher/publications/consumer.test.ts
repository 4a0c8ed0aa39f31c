import { expect, test } from "vitest";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import type { DeadLetter } from "@saasaparilla/shared/kafka/dead-letters.ts";
import type { GroupReader, Incoming } from "@saasaparilla/shared/kafka/client.ts";
import { DispatchConsumer, type RecordHandler } from "./consumer.ts";

const TOPIC = "test.dispatch";

const record = (offset: number, bytes = 10): Incoming => ({
  offset,
  appended: 0,
  value: Buffer.alloc(bytes),
  headers: {},
});

function consumerWith(settle: RecordHandler["settle"], maxBytes = 1e6) {
  const letters: DeadLetter[] = [];
  const commits: number[] = [];
  const calls: string[] = [];
  const fatal: unknown[] = [];
  let pauses = 0;
  let retries = 0;
  const consumer = new DispatchConsumer({
    topic: TOPIC,
    handler: { assigned: (partitions) => calls.push(`assigned ${partitions.join(" ")}`), settle },
    deadLetters: {
      add: (letter) => {
        letters.push(letter);
        return Promise.resolve();
      },
    },
    maxBytes,
    metrics: { read: () => {}, retried: () => (retries += 1), paused: () => (pauses += 1), watch: () => {} },
    log: createLog("test", "fatal"),
    fatal: (error) => fatal.push(error),
  });
  const reader: Partial<GroupReader> = {
    commit: (offsets) => {
      commits.push(...offsets.map(({ offset }) => offset));
      return Promise.resolve();
    },
    pause: (_, partition) => calls.push(`pause ${partition}`),
    resume: (_, partition) => calls.push(`resume ${partition}`),
  };
  consumer.use(reader as GroupReader);
  const read = (...records: Incoming[]): boolean =>
    consumer.read({ topic: TOPIC, partition: 0, records, highWatermark: 0 });
  return { consumer, read, letters, commits, calls, fatal, pauses: () => pauses, retries: () => retries };
}

test("records settle in order, those that wait together, and the commit follows the last settled one", async () => {
  const open: (() => void)[] = [];
  const begun: number[][] = [];
  const { consumer, read, commits } = consumerWith((records) => {
    begun.push(records.map(({ offset }) => offset));
    return new Promise((resolve) => open.push(resolve));
  });
  consumer.assigned([0], "a");
  expect(read(record(7))).toBe(true);
  expect(read(record(8), record(9))).toBe(true);
  expect(begun).toEqual([[7]]);
  await consumer.commit();
  expect(commits).toEqual([]);
  open[0]!();
  await expect.poll(() => begun).toEqual([[7], [8, 9]]);
  await consumer.commit();
  await consumer.commit();
  expect(commits).toEqual([8]);
  open[1]!();
  await consumer.end();
  expect(commits).toEqual([8, 10]);
});

test("a batch that was read before does not stop its partition", async () => {
  const begun: number[] = [];
  const { consumer, read } = consumerWith((records) => {
    begun.push(...records.map(({ offset }) => offset));
    return Promise.resolve();
  });
  consumer.assigned([0, 1], "a");
  read(record(7));
  await expect.poll(() => begun).toEqual([7]);
  consumer.assigned([0], "a");
  read(record(7));
  await Promise.resolve();
  read(record(8));
  await expect.poll(() => begun).toEqual([7, 8]);
  await consumer.end();
});

test("a reject becomes a dead letter, a retry repeats, and anything else ends the process", async () => {
  let tries = 0;
  const { consumer, read, letters, commits, fatal, retries } = consumerWith((records) => {
    const has = (wanted: number): boolean => records.some(({ offset }) => offset === wanted);
    if (has(0)) throw new Failure("reject", "never");
    if (has(1) && (tries += 1) < 3) throw new Failure("retry", "later");
    if (has(2)) throw new TypeError("a defect");
    return Promise.resolve();
  });
  consumer.assigned([0], "a");
  read(record(0), record(1), record(2), record(3));
  await expect.poll(() => fatal.length).toBe(1);
  expect([tries, retries()]).toEqual([3, 2]);
  expect(letters).toMatchObject([{ topic: TOPIC, partition: 0, offset: 0, reason: "never" }]);
  await consumer.commit();
  expect(commits).toEqual([2]);
});

test("a partition pauses at its bound of waiting bytes, and resumes at three quarters of it", async () => {
  const open: (() => void)[] = [];
  const { consumer, read, calls, pauses } = consumerWith(() => new Promise((resolve) => open.push(resolve)), 4_000);
  consumer.assigned([0], "a");
  read(record(0, 1_744));
  expect(calls).toEqual(["assigned 0"]);
  read(record(1, 1_744), record(2, 1_744));
  expect([calls, pauses()]).toEqual([["assigned 0", "pause 0"], 1]);
  open[0]!();
  await expect.poll(() => open.length).toBe(2);
  expect(calls).not.toContain("resume 0");
  open[1]!();
  await expect.poll(() => calls).toContain("resume 0");
});

test("a kept partition skips the records that it already has; a new member starts from the commit", async () => {
  const settled: number[] = [];
  const { consumer, read } = consumerWith((records) => {
    settled.push(...records.map(({ offset }) => offset));
    return Promise.resolve();
  });
  consumer.assigned([0], "a");
  read(record(0), record(1));
  await expect.poll(() => settled).toEqual([0, 1]);
  consumer.assigned([0, 1], "a");
  read(record(0), record(1), record(2));
  await expect.poll(() => settled).toEqual([0, 1, 2]);
  consumer.assigned([0], "b");
  read(record(2));
  await expect.poll(() => settled).toEqual([0, 1, 2, 2]);
});

test("records below the commit are read: the topic was made again", async () => {
  const settled: number[] = [];
  const { consumer, read, commits } = consumerWith((records) => {
    settled.push(...records.map(({ offset }) => offset));
    return Promise.resolve();
  });
  consumer.assigned([0], "a");
  read(record(50));
  await expect.poll(() => settled).toEqual([50]);
  await consumer.commit();
  read(record(0));
  await expect.poll(() => settled).toEqual([50, 0]);
  await consumer.commit();
  expect(commits).toEqual([51, 1]);
});

test("a partition that is taken away settles no further record, and commits none", async () => {
  const open: (() => void)[] = [];
  const { consumer, read, commits } = consumerWith(() => new Promise((resolve) => open.push(resolve)));
  consumer.assigned([0], "a");
  read(record(0), record(1));
  consumer.assigned([1], "a");
  expect(consumer.owns(0)).toBe(false);
  expect(read(record(2))).toBe(false);
  open[0]!();
  await consumer.end();
  expect([open.length, commits]).toEqual([1, []]);
});
