import { sequenceAt, START } from "@saasaparilla/shared/protocol/notification.ts";
import type { EndOptions } from "@saasaparilla/shared/protocol/options.ts";
import { beforeEach, describe, expect, test } from "vitest";
import { createLane, type Attachment, type Entry, type Lane, type LaneContext } from "./lane.ts";
import { step } from "./lane-table.ts";
import { WaitingShares } from "./waiting-shares.ts";

const ACK_MS = 1_000;
const HOLD_MS = 500;

let lane: Lane;
let stored: Entry[];
let held: Attachment[];
let invited: number[];
let demoted: number[];
let context: LaneContext;

beforeEach(() => {
  lane = createLane("acme/u1");
  stored = [];
  held = [];
  invited = [];
  demoted = [];
  const quiet = (): void => {};
  context = {
    limits: { window: 10, maxQueued: 10, maxBytes: 1_000, ackMs: ACK_MS, holdMs: HOLD_MS, inviteMs: 500, tries: 3 },
    waiting: new WaitingShares({ maxUnsettled: 100, maxBytes: 1e6, weightOf: () => 1 }),
    out: {
      lookUp: quiet,
      send: quiet,
      deleteStored: quiet,
      invite: (_, { session }) => invited.push(session),
      demote: (_, { session }) => demoted.push(session),
      held: (_, attachment) => held.push({ ...attachment }),
      store: (_, entries) => stored.push(...entries),
    },
    settle: quiet,
    now: 1,
    wall: 0,
    nextHold: () => held.length + 1,
    drained: () => true,
  };
});

const idOf = (session: number) => ({ slot: 0, incarnation: 1, session });

function prepare(session: number, acknowledges = true): void {
  step(lane, { type: "prepare", id: idOf(session), sent: START, acked: START, acknowledges }, context);
}

function commit(session: number): void {
  step(lane, { type: "commit", id: idOf(session), hold: held.at(-1)!.hold, sent: START }, context);
}

test("R24: connections that never acknowledge, late one after the other, do not prevent storing", () => {
  const join = (session: number): void => {
    prepare(session, false);
    commit(session);
  };
  join(1);
  const sequence = sequenceAt("0".repeat(16), 1);
  const body = Buffer.from("one");
  step(
    lane,
    {
      type: "accepted",
      entry: {
        sequence,
        expires: 0,
        body,
        options: undefined,
        record: { offset: 0, appended: 0, bytes: 0, remaining: 1 },
      },
    },
    context,
  );
  context.now += ACK_MS / 2;
  join(2);
  // The first is late, and the second is not yet: the first reconnects before the second is late in its turn.
  for (let round = 0; round < 4 && stored.length === 0; round += 1) {
    context.now = lane.deadline;
    step(lane, { type: "timeout" }, context);
    if (stored.length === 0) join((round % 2) + 1);
  }
  expect(stored.map((entry) => entry.sequence)).toEqual([sequence]);
  expect(context.now).toBeLessThanOrEqual(2 * ACK_MS);
});

test("R25: a look-up answered after its connection released the hold invites the client's other connections", () => {
  prepare(2);
  step(lane, { type: "release", id: idOf(2), hold: held[0]!.hold }, context);
  expect(lane.state).toBe("STORED");
  step(lane, { type: "found", connections: [idOf(1), idOf(2)] }, context);
  expect(invited).toContain(1);
});

test("a released hold lets the other connections continue, and what none of them has is stored", () => {
  prepare(1);
  commit(1);
  prepare(2);
  step(lane, { type: "release", id: idOf(2), hold: held[1]!.hold }, context);
  expect([lane.state, lane.attachments.map(({ session }) => session)]).toEqual(["LIVE", [1]]);
  // A release of an earlier hold, or of another connection: it does not affect this one.
  prepare(2);
  step(lane, { type: "release", id: idOf(2), hold: held[1]!.hold }, context);
  expect(lane.state).toBe("HELD");
});

test("a connection that asks repeatedly delays the client's others for one hold only", () => {
  prepare(1);
  commit(1);
  prepare(2);
  const until = context.now + HOLD_MS;
  for (context.now += 400; context.now < until; context.now += 400) prepare(2);
  expect(lane.deadline).toBe(until);
  context.now = until;
  step(lane, { type: "timeout" }, context);
  expect([lane.state, demoted]).toEqual(["LIVE", [2]]);
});

test("R35: an expired notification is neither sent nor stored, and is settled as expired", () => {
  const settled: string[] = [];
  const sent: string[] = [];
  context.settle = (_, entry, how) => settled.push(`${entry.sequence.slice(-1)} ${how}`);
  context.out.send = (_, __, entry) => sent.push(entry.sequence.slice(-1));
  const accept = (index: number, expires: number): void => {
    const record = { offset: index, appended: 0, bytes: 0, remaining: 1 };
    const entry = {
      sequence: sequenceAt("0".repeat(16), index),
      expires,
      body: Buffer.from("x"),
      options: undefined,
      record,
    };
    step(lane, { type: "accepted", entry }, context);
  };
  prepare(1);
  accept(1, 10);
  accept(2, 30);
  accept(3, 0);
  context.wall = 10;
  commit(1);
  expect([sent, settled]).toEqual([["2", "3"], ["1 expired"]]);
  context.wall = 30;
  step(lane, { type: "refuse", id: idOf(1), reason: "slow" }, context);
  expect(settled).toEqual(["1 expired", "2 expired"]);
  expect(stored.map(({ sequence }) => sequence.slice(-1))).toEqual(["3"]);
  expect(lane.bytes).toBe(1);
});

describe("R60: a notification with a collapse key", () => {
  let settled: string[];
  let sent: string[];

  beforeEach(() => {
    settled = [];
    sent = [];
    context.settle = (_, entry, how) => settled.push(`${entry.sequence.slice(-1)} ${how}`);
    context.out.send = (_, __, entry) => sent.push(entry.sequence.slice(-1));
    context.limits.window = 2;
  });

  const accept = (index: number, options: EndOptions | undefined): void => {
    const record = { offset: index, appended: 0, bytes: 0, remaining: 1 };
    const sequence = sequenceAt("0".repeat(16), index);
    step(lane, { type: "accepted", entry: { sequence, expires: 0, body: Buffer.from("x"), options, record } }, context);
  };

  test("replaces what waits unsent, and neither what was sent nor other keys", () => {
    prepare(1);
    commit(1);
    accept(1, { collapse: "k" });
    accept(2, undefined);
    accept(3, { collapse: "k" });
    accept(4, { collapse: "other" });
    accept(5, { collapse: "k", retract: true });
    accept(6, { collapse: "k" });
    expect([sent, settled]).toEqual([
      ["1", "2"],
      ["3 retracted", "5 replaced"],
    ]);
    expect(lane.queue.map(({ sequence }) => sequence.slice(-1))).toEqual(["1", "2", "4", "6"]);
    expect([lane.bytes, context.waiting.over(lane)]).toEqual([4, false]);
  });

  test("leaves what a connection had before it came back", () => {
    prepare(1);
    commit(1);
    accept(1, { collapse: "k" });
    step(lane, { type: "refuse", id: idOf(1), reason: "gap" }, context);
    expect(lane.state).toBe("UNKNOWN");
    const first = sequenceAt("0".repeat(16), 1);
    step(lane, { type: "prepare", id: idOf(1), sent: first, acked: START, acknowledges: true }, context);
    accept(2, { collapse: "k" });
    expect([lane.state, settled]).toEqual(["HELD", []]);
  });

  test("is stored before a connection reads, if older ones may be stored", () => {
    accept(1, { collapse: "k" });
    prepare(1);
    expect([lane.state, stored.length, demoted, held]).toEqual(["STORED", 1, [1], []]);
    step(lane, { type: "inserted", count: 1 }, context);
    prepare(1);
    // Later ones do not keep the connection from becoming live.
    accept(2, { collapse: "k" });
    expect([lane.state, held.length, demoted]).toEqual(["HELD", 1, [1]]);
  });
});
