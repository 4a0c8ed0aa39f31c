import type { Batch } from "@saasaparilla/shared/kafka.ts";
import { PackWriter } from "@saasaparilla/shared/pack.ts";
import { expect, test } from "vitest";
import type { Lane } from "./lane.ts";
import { PartitionLanes, type PartitionOptions } from "./partition.ts";

let wall = 0;

function partition(oldest = 0) {
  wall = 0;
  const repeated: string[] = [];
  const settled: string[] = [];
  const lanes = new PartitionLanes({
    partition: 0,
    generation: 1,
    epoch: 1,
    deferred: { committed: 0, end: 0 },
    oldest,
    limits: { window: 9, maxQueued: 9, maxBytes: 9_999, ackMs: 1, holdMs: 1, inviteMs: 1, tries: 1 },
    maxLanes: 9,
    maxUnsettled: 100,
    maxBytes: 1e6,
    weightOf: () => 1,
    clock: { monotonic: () => 0, wall: () => wall },
    out: { lookUp: () => {}, store: () => {} },
    settled: (lane: Lane, _: unknown, how: string) => settled.push(`${lane.key} ${how}`),
    arm: () => {},
    duplicate: (_: string, id: string) => repeated.push(id),
  } as unknown as PartitionOptions);
  return { lanes, repeated, settled };
}

const idOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

function batchOf(offset: number, id: string, { keys = ["t/a"], ttl = 0 } = {}): Batch {
  const writer = new PackWriter();
  for (const key of keys) writer.notification({ key, id, ttl, payload: Buffer.from("1") });
  const records = [{ offset, appended: 0, value: writer.take(), headers: {} }];
  return { topic: "accepted", partition: 0, records, highWatermark: offset + 1 };
}

test("R51: a new owner reads back what was settled last, as far as Kafka has it, and knows a repeat of it", () => {
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

test("R51: a rejoin of the group that undoes the reading back is noticed, and a gap in what Kafka has is not waited for", () => {
  const { lanes, repeated } = partition();
  expect(lanes.begin(2_000)).toBe(1_500);
  // The group was joined anew: it begins at the commit again.
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

test("a record counts in the bound of bytes until all of it is settled, and no longer", () => {
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

test("R35: what has expired when its batch is read is not stored", () => {
  const { lanes, settled } = partition();
  lanes.accepted(batchOf(0, idOf(1)));
  lanes.dispatch(lanes.lanes.of("t/a"), { type: "found", connections: [] });
  wall = 10_000;
  lanes.accepted(batchOf(1, idOf(2), { ttl: 60 }));
  lanes.accepted(batchOf(2, idOf(3), { ttl: 1 }));
  expect(settled).toEqual(["t/a expired"]);
});
