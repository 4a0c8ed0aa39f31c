import type { Presence } from "@saasaparilla/shared/redis/presence.ts";
import { expect, test } from "vitest";
import { createLane, type Lane } from "#lanes/lane.ts";
import { PresenceLookup } from "./presence-lookup.ts";
import type { PartitionLanes } from "./partition.ts";

test("look-ups take turns by tenant; failed ones are repeated, except for lost partitions", async () => {
  const asked: (readonly string[])[] = [];
  let away = true;
  const presence = {
    lookUp(keys: readonly string[]) {
      asked.push(keys);
      return away ? Promise.reject(new Error("away")) : Promise.resolve(keys.map(() => []));
    },
  } as unknown as Presence;
  const found: string[] = [];
  const partition = { owned: true, dispatch: ({ key }: Lane) => found.push(key) } as unknown as PartitionLanes;
  const presenceLookup = new PresenceLookup(
    presence,
    () => 1,
    () => {},
    () => (away = false),
  );
  for (let index = 0; index < 3_000; index += 1) presenceLookup.add(partition, createLane(`loud/${index}`));
  presenceLookup.add(partition, createLane("quiet/1"));
  presenceLookup.add({ owned: false } as PartitionLanes, createLane("lost/1"));
  await expect.poll(() => presenceLookup.waiting).toBe(0);
  expect(asked.map(({ length }) => length)).toEqual([1_000, 1_000, 1_000, 1_000, 1]);
  expect([asked[0]!.includes("quiet/1"), asked[1]!.includes("quiet/1"), asked.flat().includes("lost/1")]).toEqual([
    true,
    true,
    false,
  ]);
  expect(new Set(found).size).toBe(3_001);
  expect(found).toHaveLength(3_001);
});
