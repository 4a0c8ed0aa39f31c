import { expect, test } from "vitest";
import { createLane, type Lane } from "./lane.ts";
import { LaneMap } from "./lane-map.ts";

const CURSOR = "0001000000000007003";
const BEFORE = "0001000000000002000";

function live(lane: Lane): Lane {
  lane.state = "LIVE";
  lane.storedTo = BEFORE;
  const ids = { slot: 3, incarnation: 2 ** 47, session: 4_000_000_000 };
  lane.attachments = [{ ...ids, phase: "live", hold: 9, sent: CURSOR, acknowledges: false, pendingSince: 0 }];
  return lane;
}

function parkAll(lanes: LaneMap): void {
  // Once to end the round, once to see that they are still idle, once for the rest.
  for (let times = 0; times < 4; times += 1) lanes.park(1);
}

test("an idle lane is parked, and comes back unchanged", () => {
  const lanes = new LaneMap(10);
  live(lanes.of("acme/live"));
  lanes.of("acme/stored").state = "STORED";
  parkAll(lanes);
  expect(lanes.parked).toBe(2);
  expect(lanes.size).toBe(2);
  expect({ ...lanes.get("acme/live"), stirred: true }).toEqual(live(createLane("acme/live")));
  expect({ ...lanes.get("acme/stored"), stirred: true }).toEqual({ ...createLane("acme/stored"), state: "STORED" });
  expect(lanes.parked).toBe(0);
});

test.each<[string, (lane: Lane) => void]>([
  ["was stirred", () => {}],
  ["has something unsettled", (lane) => lane.queue.push({} as never)],
  ["is being looked up", (lane) => (lane.search = "looking")],
  ["waits for an acknowledgement", (lane) => (lane.attachments[0]!.pendingSince = 5)],
  ["is held", (lane) => (lane.state = "HELD")],
  ["has a deadline", (lane) => (lane.deadline = 5)],
  ["has two connections", (lane) => lane.attachments.push({ ...lane.attachments[0]!, session: 2 })],
])("a lane that %s is not parked", (_, change) => {
  const lanes = new LaneMap(10);
  const lane = live(lanes.of("acme/a"));
  change(lane);
  for (let times = 0; times < 4; times += 1) {
    if (_ === "was stirred") lanes.keep(lane);
    lanes.park(1);
  }
  expect(lanes.parked).toBe(0);
  expect(lanes.has(lane)).toBe(true);
});

test("the limit evicts the lanes parked first, and no busy lane", () => {
  const lanes = new LaneMap(3);
  live(lanes.of("acme/a"));
  live(lanes.of("acme/b"));
  parkAll(lanes);
  const busy = lanes.of("acme/busy");
  busy.search = "looking";
  lanes.of("acme/c");
  lanes.of("acme/d");
  expect(lanes.size).toBe(3);
  expect(lanes.has(busy)).toBe(true);
  expect(lanes.get("acme/a")).toBeUndefined();
  expect(lanes.get("acme/b")).toBeUndefined();
});
