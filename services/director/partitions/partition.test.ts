import type { Batch } from "@saasaparilla/shared/kafka/client.ts";
import { START } from "@saasaparilla/shared/protocol/notification.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { expect, test } from "vitest";
import { Ownership } from "./ownership.ts";
import { PartitionLanes } from "./partition.ts";
import type { PartitionEffects, PartitionOptions } from "./partition-options.ts";

let wall = 0;

function partition(oldest = 0) {
  wall = 0;
  const repeated: string[] = [];
  const settled: string[] = [];
  const stored: string[] = [];
  const granted: string[] = [];
  const options: PartitionOptions = {
    claim: {
      ownership: Object.assign(new Ownership(0), { state: "OWNED" as const, generation: 1 }),
      deferred: { committed: 0, end: 0 },
      oldest,
    },
    epoch: 1,
    limits: {
      lane: { window: 9, maxQueued: 9, maxBytes: 1e6, ackMs: 1, holdMs: 1, inviteMs: 1, tries: 1 },
      maxLanes: 9,
      maxUnsettled: 100,
      maxBytes: 1e6,
      weightOf: () => 1,
    },
    clock: { monotonic: () => 0, wall: () => wall },
  };
  const effects: Partial<PartitionEffects> = {
    lookUp: () => {},
    held: (lane) => granted.push(`held ${lane.key}`),
    invite: (lane) => granted.push(`invite ${lane.key}`),
    store: (lane, entries, reason) => stored.push(`${lane.key} ${entries.length} ${reason}`),
    settled: (lane, _, how) => settled.push(`${lane.key} ${how}`),
    arm: () => {},
    duplicate: (_, id) => repeated.push(id),
  };
  const lanes = new PartitionLanes(options, () => effects as PartitionEffects);
  return { lanes, repeated, settled, stored, granted };
}

const idOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

function batchOf(offset: number, id: string, { keys = ["t/a"], ttl = 0 } = {}): Batch {
  const writer = new PackWriter();
  for (const key of keys) writer.notification({ key, id, ttl, payload: Buffer.from("1") });
  const records = [{ offset, appended: 0, value: writer.take(), headers: {} }];
  return { topic: "accepted", partition: 0, records, highWatermark: offset + 1 };
}

test("R51: a new owner reads the last settled records that Kafka has, and recognises repeats of them", () => {
  expect(partition().lanes.begin(2_000)).toBe(1_500);
  expect(partition().lanes.begin(200)).toBe(0);
  expect(partition(1_900).lanes.begin(2_000)).toBe(1_900);
  expect(partition().lanes.begin(0)).toBeUndefined();
  const { lanes, repeated } = partition();
  expect(lanes.begin(2_000)).toBe(1_500);
  expect(lanes.begin(1_500)).toBeUndefined();
  expect(lanes.accepted(batchOf(1_999, idOf(1)))).toBe(0);
  expect([lanes.unsettled, lanes.commit()]).toEqual([0, undefined]);
  lanes.accepted(batchOf(2_000, idOf(2)));
  lanes.accepted(batchOf(2_001, idOf(1)));
  expect(repeated).toEqual([idOf(1)]);
  expect(lanes.unsettled).toBe(1);
});

test("R51: a rejoin that undoes the read-back is noticed, and missing records in Kafka are not awaited", () => {
  const { lanes, repeated } = partition();
  expect(lanes.begin(2_000)).toBe(1_500);
  // The group rejoined: reading begins at the commit again.
  expect(lanes.begin(2_000)).toBe(1_500);
  expect(lanes.begin(1_500)).toBeUndefined();
  lanes.accepted(batchOf(1_500, idOf(1)));
  // And once more in the middle.
  expect(lanes.begin(2_000)).toBe(1_501);
  expect(lanes.begin(1_501)).toBeUndefined();
  lanes.accepted(batchOf(1_999, idOf(2)));
  expect(lanes.begin(2_000)).toBeUndefined();
  lanes.accepted(batchOf(2_000, idOf(1)));
  lanes.accepted(batchOf(2_001, idOf(2)));
  expect(repeated).toEqual([idOf(1), idOf(2)]);

  const gap = partition().lanes;
  const asked = [2_000, 1_800, 1_800].map((first) => gap.begin(first));
  expect(asked).toEqual([1_500, 1_500, 1_500]);
  expect(gap.begin(1_800)).toBeUndefined();
});

test("a record counts toward the byte limit until it is fully settled", () => {
  const { lanes, settled } = partition();
  const batch = batchOf(0, idOf(1), { keys: ["t/a", "t/b"] });
  lanes.accepted(batch);
  const bytes = batch.records[0]!.value!.length;
  for (const [key, left] of [
    ["t/a", bytes],
    ["t/b", 0],
  ] as const) {
    expect(lanes.unsettledBytes).toBe(bytes);
    const lane = lanes.lanes.of(key);
    lanes.dispatch(lane, { type: "found", connections: [] });
    lanes.dispatch(lane, { type: "inserted", count: 1 });
    expect(lanes.unsettledBytes).toBe(left);
  }
  expect(settled).toEqual(["t/a stored", "t/b stored"]);
});

test("a tenant's notifications above its share are stored within a second when another tenant needs its own", () => {
  const { lanes, stored } = partition();
  const accept = (offset: number, key: string): void =>
    void lanes.accepted(batchOf(offset, idOf(offset), { keys: [key] }));
  // Of 50 places, with each client at its own limit of 9.
  for (let offset = 0; offset < 40; offset += 1) accept(offset, `loud/${offset % 5}`);
  lanes.reclaim();
  for (let offset = 40; offset < 46; offset += 1) accept(offset, "quiet/a");
  expect(stored).toEqual([]);
  for (let quarter = 0; quarter < 4; quarter += 1) lanes.reclaim();
  expect(stored).toEqual([expect.stringMatching(/^loud\/\d 8 share$/)]);
  lanes.reclaim();
  expect(stored).toHaveLength(1);
  expect(lanes.lanes.of("quiet/a").queue).toHaveLength(6);
});

test("waiting notifications count only their own bytes once most of their record is settled", () => {
  const { lanes } = partition();
  const everything = { type: "ack", session: 0, sequence: `0001${"f".repeat(15)}` } as const;
  for (let offset = 0; offset < 2; offset += 1) {
    const writer = new PackWriter();
    writer.notification({
      key: "quiet/a",
      id: idOf(offset),
      payload: Buffer.from(JSON.stringify("x".repeat(300_000))),
    });
    writer.notification({ key: "loud/a", id: idOf(offset), payload: Buffer.from("1") });
    const records = [{ offset, appended: 0, value: writer.take(), headers: {} }];
    lanes.accepted({ topic: "accepted", partition: 0, records, highWatermark: offset + 1 });
    lanes.dispatch(lanes.lanes.of("quiet/a"), everything);
  }
  expect([lanes.unsettled, lanes.unsettledBytes > 600_000]).toEqual([2, true]);
  const { queue } = lanes.lanes.of("loud/a");
  const before = queue.map(({ body }) => Buffer.from(body));
  lanes.reclaim();
  expect(lanes.unsettledBytes).toBe(before[0]!.length + before[1]!.length);
  expect(queue.map(({ body }) => Buffer.from(body))).toEqual(before);
  expect(queue.map(({ body }) => body.buffer.byteLength)).toEqual(before.map(({ length }) => length));
  lanes.dispatch(lanes.lanes.of("loud/a"), everything);
  expect([lanes.unsettledBytes, lanes.unsettled, lanes.waiting.share.used]).toEqual([0, 0, 0]);
});

test("a tenant with an undrained deferred backlog makes only its own connections wait for a hold", () => {
  const { lanes, granted } = partition();
  let offset = 1;
  const prepare = (key: string): void => {
    const writer = new PackWriter();
    const id = { slot: 0, incarnation: 1, session: (offset += 1) };
    writer.signal({ type: "prepare", key, sent: START, acked: START, acknowledges: true, ...id });
    const records = [{ offset, appended: 0, value: writer.take(), headers: {} }];
    void lanes.control({ topic: "control", partition: 0, records, highWatermark: offset + 1 });
  };
  const loud = lanes.deferredQueue.appending("loud", false);
  prepare("loud/a");
  prepare("quiet/a");
  expect(granted).toEqual(["held quiet/a"]);
  lanes.appendedDeferred(loud, 5);
  lanes.drainedTo(5);
  prepare("loud/b");
  expect(granted).toHaveLength(1);
  lanes.drainedTo(6);
  expect(granted).toEqual(["held quiet/a", "invite loud/a", "invite loud/b"]);
  prepare("loud/a");
  expect(granted.at(-1)).toBe("held loud/a");

  // Postgres is away: no connection is held.
  const everyone = lanes.deferredQueue.appending("quiet", true);
  prepare("other/a");
  lanes.appendedDeferred(everyone, 6);
  expect(granted).toHaveLength(4);
  lanes.drainedTo(7);
  expect(granted.at(-1)).toBe("invite other/a");
});

test("R35: a notification that expired before its read is not stored", () => {
  const { lanes, settled } = partition();
  lanes.accepted(batchOf(0, idOf(1)));
  lanes.dispatch(lanes.lanes.of("t/a"), { type: "found", connections: [] });
  wall = 10_000;
  lanes.accepted(batchOf(1, idOf(2), { ttl: 60 }));
  lanes.accepted(batchOf(2, idOf(3), { ttl: 1 }));
  expect(settled).toEqual(["t/a expired"]);
});
