import { beforeEach, expect, test } from "vitest";
import type { Batch } from "@saasaparilla/shared/kafka/client.ts";
import { packSequence, sequenceAt } from "@saasaparilla/shared/protocol/notification.ts";
import { readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { Director } from "./director.ts";
import type { DirectorKafka, DirectorOptions, DirectorStores } from "./director-options.ts";

const topics = topicsOf("test");
/** Partitions that the Kafka client would not fetch. Its pauses outlive an assignment. */
let paused: Set<string>;
let drained: PromiseWithResolvers<boolean>;
let director: Director;
let committed: { topic: string; partition: number; offset: number }[];
const PROGRESS = { deferred: new Map([[0, { committed: 0, end: 1 }]]), oldest: new Map([[0, 0]]) };
/** Kafka's pending answers, in tests that delay them. */
let progress: Promise<typeof PROGRESS>[];

/** An object whose methods do nothing. */
const silent = <T>(): T => new Proxy({}, { get: () => () => {} }) as T;

beforeEach(() => {
  paused = new Set();
  committed = [];
  progress = [];
  drained = Promise.withResolvers();
  director = new Director({
    name: "test",
    topics,
    epoch: 1,
    limits: {
      lane: { window: 4, maxQueued: 4, maxBytes: 1_000, ackMs: 1_000, holdMs: 1_000, inviteMs: 1_000, tries: 1 },
      maxLanes: 10,
      maxUnsettled: 1,
      maxBytes: 10_000,
      weightOf: () => 1,
    },
    clock: { monotonic: () => 0, wall: () => 0 },
    kafka: {
      producer: { add: (_topic, _partition, _write, sent) => sent?.(undefined, 0) } as DirectorKafka["producer"],
      endOffset: () => Promise.resolve(0),
      progress: () => progress.shift() ?? Promise.resolve(PROGRESS),
    },
    stores: {
      notificationWriter: {
        drain: () => drained.promise,
        add: () => {},
      } as unknown as DirectorStores["notificationWriter"],
      storedDeletions: silent<DirectorStores["storedDeletions"]>(),
      deadLetters: silent<DirectorStores["deadLetters"]>(),
      outcomes: silent<DirectorStores["outcomes"]>(),
      presenceLookup: silent<DirectorStores["presenceLookup"]>(),
    },
    laneTimers: silent<DirectorOptions["laneTimers"]>(),
    laneEvents: silent<DirectorOptions["laneEvents"]>(),
    metrics: silent<DirectorOptions["metrics"]>(),
    log: silent<DirectorOptions["log"]>(),
    fatal: (error) => expect.unreachable(String(error)),
  });
  director.use({
    commit: (offsets) => Promise.resolve(void committed.push(...offsets)),
    pause: (topic, partition) => void paused.add(`${topic}:${partition}`),
    resume: (topic, partition) => void paused.delete(`${topic}:${partition}`),
    seek: () => expect.unreachable("there is nothing before"),
    rejoin: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  });
});

function batchOf(topic: string, write: (writer: PackWriter) => void): Batch {
  const writer = new PackWriter();
  write(writer);
  const record = { offset: 0, appended: 0, value: writer.take(), headers: {} };
  return { topic, partition: 0, records: [record], highWatermark: 1 };
}

const notification = { key: "acme/u1", id: "00000000-0000-4000-8000-000000000000", payload: Buffer.from("1") };

function deferred(): Batch {
  let body: Buffer | undefined;
  readPack(batchOf(topics.accepted, (writer) => writer.notification(notification)).records[0]!.value!, (_, item) => {
    body = item;
  });
  return batchOf(topics.deferred, (writer) =>
    writer.deferred({ appended: 0, sequence: sequenceAt(packSequence(1, 0), 0), body: body! }),
  );
}

test("a partition paused for Postgres resumes after a new assignment", async () => {
  director.assigned([0], "first");
  drained.resolve(false);
  expect(await director.read(deferred())).toBe(true);
  await new Promise((resolve) => setImmediate(resolve));
  expect([...paused]).toEqual([`${topics.deferred}:0`]);
  director.assigned([0], "second");
  expect([...paused]).toEqual([]);
});

test("an insert that fails after a new assignment pauses nothing", async () => {
  director.assigned([0], "first");
  expect(await director.read(deferred())).toBe(true);
  director.assigned([0], "second");
  drained.resolve(false);
  await director.end();
  expect([...paused]).toEqual([]);
});

test("reading does not wait for a deferred insert, and the deferred topic resumes after it", async () => {
  director.assigned([0], "first");
  expect(await director.read(deferred())).toBe(true);
  expect([...paused]).toEqual([`${topics.deferred}:0`]);
  // Fetched before the pause.
  expect(await director.read(deferred())).toBe(false);
  await director.read(batchOf(topics.control, (writer) => writer.ack(1, sequenceAt(packSequence(1, 0), 0), "acme/u1")));
  drained.resolve(true);
  await director.end();
  expect([...paused]).toEqual([]);
  expect(committed).toEqual([
    { topic: topics.control, partition: 0, offset: 1 },
    { topic: topics.deferred, partition: 0, offset: 1 },
  ]);
});

test("a partition paused at its limit resumes after a new assignment", async () => {
  director.assigned([0], "first");
  await director.read(batchOf(topics.accepted, (writer) => writer.notification(notification)));
  expect([...paused]).toEqual([`${topics.accepted}:0`]);
  director.assigned([0], "second");
  expect([...paused]).toEqual([]);
});

test("the newer of two close claims counts, in any order of answers", async () => {
  const late = Promise.withResolvers<typeof PROGRESS>();
  progress = [late.promise];
  director.assigned([0], "first");
  director.assigned([0], "second");
  await director.read(batchOf(topics.accepted, (writer) => writer.notification(notification)));
  expect(director.unsettled).toBe(1);
  late.resolve(PROGRESS);
  await new Promise((resolve) => setImmediate(resolve));
  expect(director.unsettled).toBe(1);
});
