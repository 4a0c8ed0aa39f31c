import { expect, test } from "vitest";
import type { Committed, GroupReader, Incoming } from "@saasaparilla/shared/kafka/client.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { AcceptedConsumer } from "./accepted-consumer.ts";
import type { InboxItem } from "./items.ts";

const TOPIC = "test.accepted";
const NOW = 1_700_000_000_000;
const DAY_MS = 86_400_000;
/** The records of one number have the same ids. */
const idOf = (number: number, index: number): string =>
  `6e8bc430-9c3a-41d9-9669-${String(number * 1_000 + index).padStart(12, "0")}`;

function recordOf(
  offset: number,
  { key = "acme/u", count = 1, appended = NOW, bytes = 1, number = offset } = {},
): Incoming {
  const writer = new PackWriter();
  const payload = Buffer.from("1".repeat(bytes));
  for (let index = 0; index < count; index += 1) writer.notification({ key, id: idOf(number, index), payload });
  return { offset, appended, value: writer.take(), headers: {} };
}

function consumerWith({ never = [] as [number, number][], maxBytes = 1e6 } = {}) {
  const calls: string[] = [];
  const commits: Committed[] = [];
  const inserted: string[] = [];
  const results: Record<string, number> = {};
  let open: (() => void) | undefined;
  let started = 0;
  const consumer = new AcceptedConsumer({
    topic: TOPIC,
    epoch: 1,
    maxBytes,
    inboxOf: (tenant) =>
      tenant === "acme" || tenant === "globex" ? { events: ["*"], takes: () => true, items: 500, days: 30 } : undefined,
    weightOf: () => 1,
    insert: (items: readonly InboxItem[]) =>
      new Promise((resolve) => {
        inserted.push(...items.map(({ sequence }) => sequence.slice(-6)));
        open = resolve;
      }),
    neverCommitted: () => Promise.resolve(new Map(never)),
    started: () => (started += 1),
    wall: () => NOW,
    metrics: {
      read: () => {},
      paused: () => {},
      retried: () => {},
      watch: () => {},
      items: (result, count) => (results[result] = (results[result] ?? 0) + (count ?? 1)),
    },
    log: createLog("test", "fatal"),
    fatal: (error) => {
      throw error as Error;
    },
  });
  const reader: Partial<GroupReader> = {
    commit: (offsets) => {
      commits.push(...offsets);
      return Promise.resolve();
    },
    pause: (_, partition) => void calls.push(`pause ${partition}`),
    resume: (_, partition) => void calls.push(`resume ${partition}`),
    seek: (_, partition, offset) => void calls.push(`seek ${partition} ${offset}`),
  };
  const read = (partition: number, ...records: Incoming[]): boolean =>
    consumer.read({ topic: TOPIC, partition, records, highWatermark: 0 });
  const begin = async (): Promise<void> => {
    consumer.assigned([0, 1], "a");
    consumer.use(reader as GroupReader);
    await expect.poll(() => started).toBe(1);
  };
  return { consumer, reader, read, begin, calls, commits, inserted, results, done: () => open!() };
}

test("nothing is read before the first offset is known; without a commit that is the end, which is committed first", async () => {
  const { consumer, reader, read, calls, commits } = consumerWith({ never: [[1, 40]] });
  consumer.assigned([0, 1], "a");
  expect([read(0, recordOf(3)), read(1, recordOf(0))]).toEqual([false, false]);
  consumer.use(reader as GroupReader);
  await expect.poll(() => read(0, recordOf(3))).toBe(true);
  expect(commits).toEqual([{ topic: TOPIC, partition: 1, offset: 40 }]);
  expect(read(1, recordOf(0))).toBe(false);
  expect(calls).toEqual(["seek 1 40"]);
  expect(read(1, recordOf(40))).toBe(true);
});

test("a record is settled when all its items and those before it are inserted", async () => {
  const { consumer, read, begin, inserted, commits, results, done } = consumerWith();
  await begin();
  read(0, recordOf(5, { count: 2 }), recordOf(6, { key: "none/u" }), recordOf(7));
  await consumer.commit();
  expect(commits).toEqual([]);
  await expect.poll(() => inserted).toEqual(["005000", "005001", "007000"]);
  done();
  await expect
    .poll(async () => {
      await consumer.commit();
      return commits;
    })
    .toEqual([{ topic: TOPIC, partition: 0, offset: 8 }]);
  expect(results).toMatchObject({ unlisted: 1, bad: 0, expired: 0 });
});

test("records that no inbox takes are settled at once, and those that no inbox would show any more", async () => {
  const { consumer, read, begin, inserted, commits, results } = consumerWith();
  await begin();
  read(1, recordOf(0, { key: "none/u" }), recordOf(1, { appended: NOW - 30 * DAY_MS }), {
    ...recordOf(2),
    value: null,
  });
  await consumer.commit();
  expect(commits).toEqual([{ topic: TOPIC, partition: 1, offset: 3 }]);
  expect([inserted, results]).toEqual([[], { unlisted: 1, repeated: 0, expired: 1, bad: 1 }]);
});

test("a partition pauses at its bound of waiting bytes, and resumes when its items are inserted", async () => {
  const { read, begin, calls, inserted, done } = consumerWith({ maxBytes: 2_000 });
  await begin();
  read(0, recordOf(0, { bytes: 2_000 }));
  expect(calls).toEqual(["pause 0"]);
  await expect.poll(() => inserted.length).toBe(1);
  done();
  await expect.poll(() => calls).toEqual(["pause 0", "resume 0"]);
});

test("items of a partition that is taken away are not inserted, and its offsets not committed", async () => {
  const { consumer, read, begin, inserted, commits, done } = consumerWith();
  await begin();
  read(0, recordOf(0));
  consumer.assigned([1], "a");
  read(1, recordOf(9));
  await expect.poll(() => inserted).toEqual(["009000"]);
  done();
  await consumer.end();
  expect(commits).toEqual([{ topic: TOPIC, partition: 1, offset: 10 }]);
});

test("a repeat of a recent id is not inserted, and is settled; the same id of another client is no repeat", async () => {
  const { consumer, read, begin, inserted, commits, results, done } = consumerWith();
  await begin();
  read(0, recordOf(1), recordOf(2), recordOf(3, { number: 1 }), recordOf(4, { number: 1, key: "acme/v" }));
  await expect.poll(() => inserted.toSorted()).toEqual(["001000", "002000", "004000"]);
  done();
  await consumer.end();
  expect(commits).toEqual([{ topic: TOPIC, partition: 0, offset: 5 }]);
  expect(results).toMatchObject({ repeated: 1 });
});
