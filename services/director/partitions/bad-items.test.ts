import type { Batch } from "@saasaparilla/shared/kafka/client.ts";
import { packSequence, sequenceAt, START } from "@saasaparilla/shared/protocol/notification.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { expect, test } from "vitest";
import type { DeadLetter } from "@saasaparilla/shared/kafka/dead-letters.ts";
import { Ownership } from "./ownership.ts";
import { PartitionLanes } from "./partition.ts";
import type { PartitionEffects, PartitionOptions } from "./partition-options.ts";

function partition() {
  const repeated: string[] = [];
  const granted: string[] = [];
  const letters: { letter: DeadLetter; kept(): void }[] = [];
  const skipped: object[] = [];
  const options = {
    claim: {
      ownership: Object.assign(new Ownership(0), { state: "OWNED" as const, generation: 1 }),
      deferred: { committed: 0, end: 0 },
      oldest: 0,
    },
    epoch: 1,
    limits: {
      lane: { window: 9, maxQueued: 9, maxBytes: 1e6, ackMs: 1, holdMs: 1, inviteMs: 1, tries: 1 },
      maxLanes: 9,
      maxUnsettled: 100,
      maxBytes: 1e6,
      weightOf: () => 1,
    },
    clock: { monotonic: () => 0, wall: () => 0 },
  } satisfies PartitionOptions;
  const effects: Partial<PartitionEffects> = {
    lookUp: () => {},
    held: (lane) => granted.push(`held ${lane.key}`),
    settled: () => {},
    arm: () => {},
    duplicate: (_, id) => repeated.push(id),
    deadLetter: (letter) => new Promise((kept) => letters.push({ letter, kept })),
    skipped: (place) => skipped.push(place),
  };
  const lanes = new PartitionLanes(options, () => effects as PartitionEffects);
  return { lanes, repeated, granted, letters, skipped };
}

const idOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

/** One record with these items. An item without a kind is a notification for the client `t/a`. */
function recordOf(offset: number, items: ({ kind: number; body: Buffer } | number)[]): Batch {
  const writer = new PackWriter();
  for (const item of items)
    if (typeof item === "number") writer.notification({ key: "t/a", id: idOf(item), payload: Buffer.from("1") });
    else writer.item(item.kind, item.body);
  const records = [{ offset, appended: 0, value: writer.take(), headers: {} }];
  return { topic: "ns.accepted", partition: 0, records, highWatermark: offset + 1 };
}

test("a bad item is a dead letter of its own, and the others keep the sequences of their places", async () => {
  const { lanes, letters } = partition();
  const unknown = { kind: 9, body: Buffer.from("of a later version") };
  const short = { kind: 1, body: Buffer.alloc(3) };
  const badOptions = { kind: 1, body: optionsOfNoForm() };
  expect(lanes.accepted(recordOf(7, [unknown, 1, short, 2, badOptions, 3, unknown]))).toBe(3);
  const { queue } = lanes.lanes.of("t/a");
  expect(queue.map(({ sequence }) => sequence)).toEqual(
    [1, 3, 5].map((index) => sequenceAt(packSequence(1, 7), index)),
  );
  expect(letters.map(({ letter }) => letter)).toEqual(
    [
      [0, unknown, "kind 9"],
      [2, short, "shorter"],
      [4, badOptions, "an option that is cut off"],
      [6, unknown, "kind 9"],
    ].map(([index, item, reason]) => ({
      topic: "ns.accepted",
      partition: 0,
      offset: 7,
      index,
      value: recordOf(0, [item as typeof unknown]).records[0]!.value,
      reason: expect.stringContaining(reason as string),
    })),
  );
  // The record is settled when its dead letters are in Kafka, too.
  lanes.dispatch(lanes.lanes.of("t/a"), { type: "ack", session: 0, sequence: `0001${"f".repeat(15)}` });
  expect([lanes.unsettled, lanes.commit()]).toEqual([4, undefined]);
  for (const { kept } of letters) kept();
  await expect.poll(() => lanes.unsettled).toBe(0);
  expect(lanes.commit()).toBe(8);
});

/** A notification with one option that is longer than all options together. */
function optionsOfNoForm(): Buffer {
  const writer = new PackWriter();
  const options = Buffer.from([1, 0xff, 0xff]);
  writer.notification({ key: "t/a", id: idOf(0), options, payload: Buffer.from("1") });
  return writer.take().subarray(8);
}

test("a record with a malformed frame is one dead letter, and none of its items is accepted", () => {
  const { lanes, letters } = partition();
  const batch = recordOf(7, [1, 2]);
  const record = batch.records[0]!;
  record.value = record.value!.subarray(0, -1);
  expect(lanes.accepted(batch)).toBe(0);
  expect(letters.map(({ letter }) => letter)).toMatchObject([{ offset: 7, value: record.value }]);
  expect(letters[0]!.letter.index).toBeUndefined();
  expect(lanes.lanes.of("t/a").queue).toEqual([]);
});

test("a bad item beside settled ones hides none of their ids from a new owner", () => {
  const { lanes, repeated } = partition();
  lanes.begin(2_000);
  lanes.accepted(recordOf(1_999, [{ kind: 9, body: Buffer.alloc(1) }, 1]));
  lanes.accepted(recordOf(2_000, [1]));
  expect(repeated).toEqual([idOf(1)]);
});

test("an item of control of an unknown kind is skipped, a malformed one is a dead letter, and the others take effect", () => {
  const { lanes, granted, letters, skipped } = partition();
  const id = { slot: 0, incarnation: 1, session: 5 };
  const prepare = { type: "prepare", key: "t/a", sent: START, acked: START, acknowledges: true, ...id };
  const items = [
    { kind: 9, body: Buffer.from("later") },
    { kind: 3, body: Buffer.alloc(5) },
    { kind: 4, body: Buffer.from(JSON.stringify(prepare)) },
  ];
  void lanes.control({ ...recordOf(3, items), topic: "ns.control" });
  expect(granted).toEqual(["held t/a"]);
  expect(skipped).toEqual([{ offset: 3, index: 0, kind: 9 }]);
  expect(letters.map(({ letter }) => letter)).toMatchObject([{ topic: "ns.control", offset: 3, index: 1 }]);
});

test("a bad item of deferred is a dead letter, and the others are inserted", () => {
  const { lanes } = partition();
  const writer = new PackWriter();
  const body = recordOf(0, [1]).records[0]!.value!.subarray(8);
  const sequences = [0, 3].map((index) => sequenceAt(packSequence(1, 7), index));
  writer.deferred({ appended: 1, sequence: sequences[0]!, body });
  writer.item(9, Buffer.from("later"));
  writer.deferred({ appended: 1, sequence: "z".repeat(19), body });
  writer.deferred({ appended: 1, sequence: sequences[1]!, body });
  const records = [{ offset: 4, appended: 0, value: writer.take(), headers: {} }];
  const { rows, rejected } = lanes.deferred({ topic: "ns.deferred", partition: 0, records, highWatermark: 5 });
  expect(rows.map(({ sequence }) => sequence)).toEqual(sequences);
  expect(rejected).toMatchObject([
    { topic: "ns.deferred", offset: 4, index: 1 },
    { topic: "ns.deferred", offset: 4, index: 2 },
  ]);
});
