import type { BatchingProducer, Sent } from "@saasaparilla/shared/kafka/batching-producer.ts";
import type { StoredNotifications, StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import { beforeEach, expect, test } from "vitest";
import { DeferredQueue, type DeferredLine } from "#partitions/deferred.ts";
import { InsertingShares } from "./inserting.ts";
import { createLane, type Entry } from "#lanes/lane.ts";
import type { PartitionLanes } from "#partitions/partition.ts";
import { NotificationWriter, type WriterReports } from "./notification-writer.ts";

let away: boolean;
/** Inserts end after this promise. */
let held: Promise<void>;
let inserted: string[];
/** Records appended to the deferred topic, and the callback for Kafka's answer. */
let deferred: { sequence: string; sent: Sent | undefined }[];
let settled: number;
let partition: PartitionLanes;
/** The reason for each deferred record. */
let told: string[];
let reasons: string[];
let notificationWriter: NotificationWriter;

beforeEach(() => {
  away = false;
  held = Promise.resolve();
  inserted = [];
  deferred = [];
  settled = 0;
  reasons = [];
  const deferredQueue = new DeferredQueue(0, 0);
  partition = {
    partition: 0,
    owned: true,
    deferredQueue,
    inserting: sharesOf(1_000_000),
    dispatch: (_: unknown, { count }: { count: number }) => (settled += count),
    appendedDeferred: (line: DeferredLine, offset: number) => deferredQueue.appended(line, offset),
  } as unknown as PartitionLanes;
  const stored = {
    insert(rows: readonly StoredNotification[]) {
      if (away) return Promise.reject(Object.assign(new Error("away"), { code: "ECONNREFUSED" }));
      inserted.push(...rows.map(({ sequence }) => sequence));
      return held;
    },
  } as unknown as StoredNotifications;
  const producer = {
    add(_: string, __: number, write: (writer: unknown) => void, sent?: Sent) {
      write({ deferred: ({ sequence }: Entry) => deferred.push({ sequence, sent }) });
    },
  } as unknown as BatchingProducer;
  const quiet = (): void => {};
  const reports = {
    stored: quiet,
    deferred: (rows: number, reason: string) => reasons.push(...Array.from({ length: rows }, () => reason)),
    failed: quiet,
  } as unknown as WriterReports;
  told = [];
  const events = {
    stored: (key: string, _: unknown, why: string) => void told.push(`stored ${key} ${why}`),
    deferred: (key: string, _: unknown, why: string) => void told.push(`deferred ${key} ${why}`),
  };
  const weightOf = () => 1;
  notificationWriter = new NotificationWriter({ stored, producer, topic: "deferred", events, weightOf, reports });
});

/** Notifications of one byte; the partition may have the given number unsettled. */
function sharesOf(maxUnsettled: number): InsertingShares {
  return new InsertingShares({ maxUnsettled, maxBytes: maxUnsettled, weightOf: () => 1 });
}

const addFor = (key: string, ...sequences: string[]): void => {
  const entries = sequences.map((sequence) => ({ sequence, body: Buffer.from("x"), record: {} }) as Entry);
  notificationWriter.add(partition, createLane(key), entries, "not connected");
};
const add = (...sequences: string[]): void => addFor("t/a", ...sequences);

/** Runs the due insert and its consequences. */
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

test("a failed insert and the queue after it are deferred in order, and settled once in Kafka", async () => {
  away = true;
  add("1", "2");
  add("3");
  await turns();
  expect([inserted, deferred.map(({ sequence }) => sequence), settled]).toEqual([[], ["1", "2", "3"], 0]);
  deferred.at(1)!.sent!(undefined, 0);
  expect(settled).toBe(2);
  deferred.at(2)!.sent!(new Error("Not written."), -1);
  expect(settled).toBe(2);
});

test("the timeline hears of a row once it is in Kafka, and once it is in Postgres", async () => {
  away = true;
  add("1");
  await turns();
  expect(told).toEqual([]);
  deferred.at(0)!.sent!(undefined, 0);
  expect(told).toEqual(["deferred t/a away"]);
  const row = { client: "t/a", sequence: "1", body: Buffer.from("x") } as StoredNotification;
  expect(await notificationWriter.drain([row])).toBe(false);
  expect(told).toHaveLength(1);
  away = false;
  expect(await notificationWriter.drain([row])).toBe(true);
  expect(told).toEqual(["deferred t/a away", "stored t/a deferred"]);
});

test("no insert runs beside an undrained deferred backlog; afterwards inserts are direct again", async () => {
  away = true;
  add("1");
  await turns();
  away = false;
  // On its way into the topic, then in it, then in Postgres.
  add("2");
  for (const [offset, { sent }] of deferred.entries()) sent!(undefined, offset);
  add("3");
  await turns();
  expect([inserted, deferred.map(({ sequence }) => sequence)]).toEqual([[], ["1", "2", "3"]]);
  deferred.at(2)!.sent!(undefined, 2);
  partition.deferredQueue.drainedTo(3);
  add("4");
  await turns();
  expect([inserted, deferred.length, settled]).toEqual([["4"], 3, 4]);
});

test("inserts take turns by tenant: a short queue does not wait for all of a long one", async () => {
  for (let job = 0; job < 20; job += 1) {
    const rows = Array.from(
      { length: 1_000 },
      (_, row) => ({ sequence: `loud${job}.${row}`, body: Buffer.from("x"), record: {} }) as Entry,
    );
    notificationWriter.add(partition, createLane("loud/a"), rows, "not connected");
  }
  const one = { sequence: "quiet", body: Buffer.from("x"), record: {} } as Entry;
  notificationWriter.add(partition, createLane("quiet/a"), [one], "not connected");
  await turns();
  expect(inserted.indexOf("quiet")).toBeLessThan(2_000);
  expect(inserted.filter((name) => name.startsWith("loud")).slice(0, 2_000)).toEqual(
    Array.from({ length: 2_000 }, (_, index) => `loud${Math.floor(index / 1_000)}.${index % 1_000}`),
  );
});

test("a tenant above its share is deferred in order, others are inserted; once drained, it is direct again", async () => {
  // Of 10 places one tenant may have 8.
  Object.assign(partition, { inserting: sharesOf(40) });
  for (let job = 0; job < 12; job += 1) addFor("loud/a", `loud${job}`);
  addFor("quiet/a", "quiet");
  await turns();
  const [first] = inserted;
  expect(first).toMatch(/loud|quiet/);
  const loud = Array.from({ length: 12 }, (_, job) => `loud${job}`);
  const names = (): string[] => deferred.map(({ sequence }) => sequence);
  expect(inserted).toContain("quiet");
  expect([...inserted.filter((name) => name !== "quiet"), ...names()]).toEqual(loud);
  expect(names().length).toBeGreaterThan(0);
  expect(new Set(reasons)).toEqual(new Set(["share"]));
  expect(partition.inserting.share.used).toBe(0);

  // On its way, and in the topic: later notifications queue after it.
  addFor("loud/a", "loud12");
  for (const [offset, { sent }] of deferred.entries()) sent?.(undefined, offset);
  addFor("loud/b", "loud13");
  addFor("quiet/a", "quiet1");
  await turns();
  expect(names().slice(-2)).toEqual(["loud12", "loud13"]);
  expect(inserted).toContain("quiet1");
  deferred.at(-1)!.sent!(undefined, deferred.length - 1);
  partition.deferredQueue.drainedTo(deferred.length);
  addFor("loud/a", "loud14");
  await turns();
  expect(inserted.at(-1)).toBe("loud14");
});

test("a small tenant is not deferred, however far another tenant is above its share", async () => {
  Object.assign(partition, { inserting: sharesOf(40) });
  addFor("quiet/a", "quiet");
  for (let job = 0; job < 30; job += 1) addFor("loud/a", `loud${job}`);
  await turns();
  expect(inserted).toContain("quiet");
  expect(deferred.length).toBeGreaterThan(20);
});

test("a tenant above its share waits for its insert under way", async () => {
  Object.assign(partition, { inserting: sharesOf(40) });
  addFor("loud/a", "0");
  await turns();
  expect(inserted).toEqual(["0"]);
  let end: () => void = () => {};
  held = new Promise((resolve) => (end = resolve));
  addFor("loud/a", "1");
  await turns();
  for (let job = 2; job < 14; job += 1) addFor("loud/a", String(job));
  await turns();
  expect(deferred).toEqual([]);
  end();
  await turns();
  expect(deferred.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 12 }, (_, job) => String(job + 2)));
});
