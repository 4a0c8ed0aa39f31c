import { expect, test } from "vitest";
import { notificationBody, readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { START } from "@saasaparilla/shared/protocol/notification.ts";
import { createLane, type Attachment, type Entry, type Lane, type Settled } from "#lanes/lane.ts";
import { LaneEvents } from "./lane-events.ts";

const ID = "6e8bc430-9c3a-41d9-9669-0800200c9a66";
const CONNECTION = { slot: 3, incarnation: 5, session: 7 };

function eventsOf(use: (events: LaneEvents) => void): string[] {
  const recorded: string[] = [];
  const events = new LaneEvents({
    record: (kind, key, id, detail) => {
      expect(id).toBe(ID);
      recorded.push(`${kind} ${key} ${JSON.stringify(detail)}`);
    },
  });
  use(events);
  return recorded;
}

function entryOf(followed: boolean, sequence = "1"): Entry {
  const writer = new PackWriter();
  writer.notification({ key: "t/a", id: ID, followed, payload: Buffer.from("1") });
  let body: Buffer = Buffer.alloc(0);
  readPack(writer.take(), (_, item) => (body = item));
  expect(notificationBody.followed(body)).toBe(followed);
  return { sequence, expires: 0, body, options: undefined, record: {} as Entry["record"] };
}

function laneOf(state: Lane["state"], queue: Entry[], more: Partial<Lane> = {}): Lane {
  const attachment: Attachment = {
    ...CONNECTION,
    phase: "live",
    hold: 0,
    sent: "5",
    acknowledges: true,
    pendingSince: 0,
  };
  return Object.assign(createLane("t/a"), { state, queue, attachments: [attachment], ...more });
}

const ENDS: Settled[] = ["acknowledged", "stored", "expired", "replaced", "retracted"];

test("of a notification that is not followed only expiry and retraction are recorded", () => {
  const entry = entryOf(false);
  const lane = laneOf("LIVE", [entry], { sent: 1 });
  const recorded = eventsOf((events) => {
    events.accepted(lane, entry);
    events.sent(lane, CONNECTION, entry);
    events.lost(lane, { type: "close", id: CONNECTION });
    events.stored("t/a", [entry], "lost");
    events.deferred("t/a", [entry], "away");
    events.repeated("t/a", entry.body);
    for (const how of ENDS) events.settled(lane, entry, how, 0);
  });
  expect(recorded).toEqual(['expired t/a {"where":"waiting"}', "retracted t/a {}"]);
});

test.each([
  ["UNKNOWN", {}, "looking for connections"],
  ["HELD", {}, "connection catches up"],
  ["LIVE", {}, "earlier ones are not acknowledged"],
  ["LIVE", { sent: 1 }, undefined],
  ["STORED", { storing: 1 }, undefined],
] as const)("a followed notification that waits in %s %j is held: %s", (state, more, why) => {
  const entry = entryOf(true);
  const recorded = eventsOf((events) => events.accepted(laneOf(state, [entry], more), entry));
  expect(recorded).toEqual(why === undefined ? [] : [`held t/a ${JSON.stringify({ why })}`]);
});

test("an acknowledgement names its connection, or the client", () => {
  const entry = entryOf(true);
  const by = (session: number) =>
    eventsOf((events) => events.settled(laneOf("LIVE", [entry]), entry, "acknowledged", session));
  expect(by(7)).toEqual(['acknowledged t/a {"how":"connection","connection":"3:5:7"}']);
  // It is gone by now.
  expect(by(8)).toEqual(['acknowledged t/a {"how":"connection"}']);
  expect(by(0)).toEqual(['acknowledged t/a {"how":"client"}']);
});

test("a lost connection tries again what it was sent, and nothing else", () => {
  const queue = [entryOf(true, "4"), entryOf(true, "6"), entryOf(true, "7")];
  const lost = (id: typeof CONNECTION, lane = laneOf("LIVE", queue, { sent: 2 })) =>
    eventsOf((events) => events.lost(lane, { type: "close", id }));
  expect(lost(CONNECTION)).toEqual(['retried t/a {"connection":"3:5:7","why":"closed"}']);
  expect(lost({ ...CONNECTION, session: 8 })).toEqual([]);
  const held = laneOf("HELD", queue, { sent: 2 });
  held.attachments[0]!.phase = "held";
  held.attachments[0]!.sent = START;
  expect(eventsOf((events) => events.lost(held, { type: "refuse", id: CONNECTION, reason: "gap" }))).toEqual([]);
});

test("a message of a queue is stored because it is one", () => {
  const recorded = eventsOf((events) => events.stored("t/{jobs}", [entryOf(true)], "not connected"));
  expect(recorded).toEqual(['stored t/{jobs} {"why":"queue"}']);
});
