import { sequenceAt, START } from "@saasaparilla/shared/protocol/notification.ts";
import { beforeEach, expect, test } from "vitest";
import { createLane, type Entry, type Lane, type LaneContext } from "./lane.ts";
import { step } from "./lane-table.ts";
import { WaitingShares } from "./waiting-shares.ts";

const quiet = (): void => {};
let stored: string[];
let context: LaneContext;
let waiting: WaitingShares;
let index: number;

beforeEach(() => {
  index = 0;
  stored = [];
  // 90 places of 10 bytes.
  waiting = new WaitingShares({ maxUnsettled: 180, maxBytes: 1_800, weightOf: () => 1 });
  context = {
    limits: { window: 4, maxQueued: 1_000, maxBytes: 1e6, ackMs: 1_000, holdMs: 500, inviteMs: 500, tries: 3 },
    waiting,
    out: {
      lookUp: quiet,
      send: quiet,
      deleteStored: quiet,
      invite: quiet,
      demote: quiet,
      held: (_, { hold }) => (context.nextHold = () => hold + 1),
      store: (lane, entries, reason) => stored.push(...entries.map(() => `${lane.key} ${reason}`)),
    },
    settle: quiet,
    now: 1,
    wall: 0,
    nextHold: () => 1,
    drained: () => true,
  };
});

function accept(lane: Lane, bytes = 1): void {
  const record = { offset: index, appended: 0, bytes: 0, remaining: 1 };
  const entry: Entry = {
    sequence: sequenceAt("0".repeat(16), (index += 1)),
    expires: 0,
    body: Buffer.alloc(bytes),
    options: undefined,
    record,
  };
  step(lane, { type: "accepted", entry }, context);
}

function live(key: string): Lane {
  const lane = createLane(key);
  const id = { slot: 0, incarnation: 1, session: 1 };
  step(lane, { type: "prepare", id, sent: START, acked: START, acknowledges: true }, context);
  step(lane, { type: "commit", id, hold: lane.attachments[0]!.hold, sent: START }, context);
  expect(lane.state).toBe("LIVE");
  return lane;
}

test("a tenant's waiting notifications above its share are stored, and another tenant's are not", () => {
  const loud = [live("loud/a"), live("loud/b")];
  for (let turn = 0; turn < 100; turn += 1) accept(loud[turn % 2]!);
  expect(waiting.share.used).toBeLessThanOrEqual(800);
  expect(loud.map(({ state }) => state)).toContain("STORED");
  const other = live("quiet/a");
  accept(other);
  expect(other.state).toBe("LIVE");
  expect(stored.every((line) => /^loud\/. share$/.test(line) || line.endsWith("not connected"))).toBe(true);
});

test("a notification counts its bytes, and at least one part", () => {
  const lane = live("a/1");
  accept(lane, 300);
  accept(lane, 1);
  expect(waiting.share.used).toBe(310);
  step(lane, { type: "ack", session: 1, sequence: lane.queue[0]!.sequence }, context);
  expect(waiting.share.used).toBe(10);
});

test("lanes in lookup, held or live give back on reclaim; notifications being stored do not count", () => {
  const unknown = createLane("loud/unknown");
  const held = createLane("loud/held");
  step(
    held,
    { type: "prepare", id: { slot: 0, incarnation: 1, session: 1 }, sent: START, acked: START, acknowledges: true },
    context,
  );
  const lanes = [unknown, held, live("loud/live")];
  for (let turn = 0; turn < 79; turn += 1) accept(lanes[turn % 3]!);
  expect(stored).toEqual([]);
  for (const lane of lanes) step(lane, { type: "reclaim" }, context);
  expect(stored).toEqual([]);
  const other = live("quiet/a");
  for (let turn = 0; turn < 5; turn += 1) accept(other);
  step(other, { type: "reclaim" }, context);
  for (const lane of lanes) step(lane, { type: "reclaim" }, context);
  expect(lanes.map(({ state }) => state)).toEqual(["STORED", "HELD", "LIVE"]);
  expect(stored).toEqual(Array.from({ length: 27 }, () => "loud/unknown share"));
  expect(waiting.share.used).toBe((26 + 26 + 5) * 10);
});
