import type { Packer, Sent } from "@saasaparilla/shared/packer.ts";
import type { Stored, StoredNotification } from "@saasaparilla/shared/stored.ts";
import { beforeEach, expect, test } from "vitest";
import { Deferral } from "./deferral.ts";
import { createLane, type Entry } from "./lane.ts";
import type { PartitionLanes } from "./partition.ts";
import { Store, type StoreReports } from "./store.ts";

let away: boolean;
let inserted: string[];
/** What was appended to deferred, and how Kafka's answer is told. */
let deferred: { sequence: string; sent: Sent | undefined }[];
let settled: number;
let partition: PartitionLanes;
let store: Store;

beforeEach(() => {
  away = false;
  inserted = [];
  deferred = [];
  settled = 0;
  const deferral = new Deferral(0, 0);
  partition = {
    partition: 0,
    owned: true,
    deferral,
    dispatch: (_: unknown, { count }: { count: number }) => (settled += count),
    appendedDeferred: (offset: number) => deferral.appended(offset),
  } as unknown as PartitionLanes;
  const stored = {
    insert(rows: readonly StoredNotification[]) {
      if (away) return Promise.reject(Object.assign(new Error("away"), { code: "ECONNREFUSED" }));
      inserted.push(...rows.map(({ sequence }) => sequence));
      return Promise.resolve();
    },
  } as unknown as Stored;
  const packer = {
    add(_: string, __: number, write: (writer: unknown) => void, sent?: Sent) {
      write({ deferred: ({ sequence }: Entry) => deferred.push({ sequence, sent }) });
    },
  } as unknown as Packer;
  const quiet = (): void => {};
  store = new Store(stored, packer, "deferred", () => 1, {
    stored: quiet,
    deferred: quiet,
    failed: quiet,
  } as unknown as StoreReports);
});

const add = (...sequences: string[]): void => {
  const entries = sequences.map((sequence) => ({ sequence, body: Buffer.from("x"), record: {} }) as Entry);
  store.add(partition, createLane("t/a"), entries);
};

/** The insert that is due, and what follows from it. */
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

test("what fails to be inserted is deferred, with what was queued behind it, in order, and settled once Kafka has it", async () => {
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

test("nothing is inserted beside what is deferred and not drained; after it, directly again", async () => {
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
  partition.deferral.drainedTo(3);
  add("4");
  await turns();
  expect([inserted, deferred.length, settled]).toEqual([["4"], 3, 4]);
});

test("tenants take turns in inserting: what one has little of does not wait for all of another's", async () => {
  for (let job = 0; job < 20; job += 1) {
    const rows = Array.from(
      { length: 1_000 },
      (_, row) => ({ sequence: `loud${job}.${row}`, body: Buffer.from("x"), record: {} }) as Entry,
    );
    store.add(partition, createLane("loud/a"), rows);
  }
  const one = { sequence: "quiet", body: Buffer.from("x"), record: {} } as Entry;
  store.add(partition, createLane("quiet/a"), [one]);
  await turns();
  expect(inserted.indexOf("quiet")).toBeLessThan(2_000);
  expect(inserted.filter((name) => name.startsWith("loud")).slice(0, 2_000)).toEqual(
    Array.from({ length: 2_000 }, (_, index) => `loud${Math.floor(index / 1_000)}.${index % 1_000}`),
  );
});
