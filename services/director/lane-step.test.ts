import { sequenceAt, START } from "@saasaparilla/shared/notification.ts";
import { expect, test } from "vitest";
import { createLane, type Attachment, type Entry, type LaneContext } from "./lane.ts";
import { step } from "./lane-step.ts";

const ACK_MS = 1_000;

test("R24: connections that never acknowledge, late one after the other, keep nothing from being stored", () => {
  const lane = createLane("acme/u1");
  const stored: Entry[] = [];
  const held: Attachment[] = [];
  const quiet = (): void => {};
  const context: LaneContext = {
    limits: { window: 10, maxQueued: 10, maxBytes: 1_000, ackMs: ACK_MS, holdMs: 500, inviteMs: 500, tries: 3 },
    out: {
      lookUp: quiet,
      invite: quiet,
      demote: quiet,
      send: quiet,
      settle: quiet,
      deleteStored: quiet,
      held: (_, attachment) => held.push(attachment),
      store: (_, entries) => stored.push(...entries),
    },
    now: 1,
    wall: 0,
    nextHold: () => held.length + 1,
    drained: () => true,
  };
  const join = (session: number): void => {
    const id = { slot: 0, incarnation: 1, session };
    step(lane, { type: "prepare", id, sent: START, acked: START, acknowledges: false }, context);
    step(lane, { type: "commit", id, hold: held.at(-1)!.hold, sent: START }, context);
  };
  join(1);
  const sequence = sequenceAt("0".repeat(16), 1);
  const body = Buffer.from("one");
  step(
    lane,
    { type: "accepted", entry: { sequence, appended: 0, expires: 0, body, record: { offset: 0, remaining: 1 } } },
    context,
  );
  context.now += ACK_MS / 2;
  join(2);
  // The first is late, and the second is not yet: it comes back before the second is late in its turn.
  for (let round = 0; round < 4 && stored.length === 0; round += 1) {
    context.now = lane.deadline;
    step(lane, { type: "timeout" }, context);
    if (stored.length === 0) join((round % 2) + 1);
  }
  expect(stored.map((entry) => entry.sequence)).toEqual([sequence]);
  expect(context.now).toBeLessThanOrEqual(2 * ACK_MS);
});
