import { beforeEach, expect, test } from "vitest";
import { packSequence, sequenceAt, START, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { writeOptions } from "@saasaparilla/shared/protocol/options.ts";
import { readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { createSession, type Row, type Session, type SessionOutput } from "./session.ts";
import { step } from "./session-table.ts";

/**
 * The effect of an acknowledgement or cursor before a director has checked it. Sent notifications always count as
 * sent.
 */
let deleted: Sequence[];
let acknowledged: Sequence[];
let caughtUp: number;
let given: Sequence;
let out: SessionOutput;

beforeEach(() => {
  deleted = [];
  acknowledged = [];
  caughtUp = 0;
  given = START;
  const nothing = (): void => {};
  out = {
    prepareMs: 1_000,
    read: nothing,
    prepare: nothing,
    commit: nothing,
    release: nothing,
    refuse: nothing,
    close: nothing,
    ack: (_, sequence) => acknowledged.push(sequence),
    deleteStored: (_, upTo) => deleted.push(upTo),
    write: () => true,
    flush: () => true,
    congested: () => false,
    given: () => given,
    caughtUp: () => (caughtUp += 1),
    tell: nothing,
    timer: nothing,
  };
});

const at = (offset: number): Sequence => sequenceAt(packSequence(1, offset), 0);
const row = (offset: number): Row => ({ sequence: at(offset), appended: 0, body: Buffer.alloc(0) });

function open(cursor?: Sequence): Session {
  const session = createSession({ key: "t/a", id: 1, partition: 0, acknowledges: true, retracts: false }, cursor);
  step(session, { type: "opened" }, out);
  return session;
}

/** No director answers, so stored rows are read without a hold. */
function page(session: Session, rows: Row[], more = false): void {
  if (session.state === "PREPARING") step(session, { type: "timeout" }, out);
  step(session, { type: "page", read: session.read, rows, more }, out);
}

function held(session: Session, stored?: Sequence): void {
  step(session, { type: "held", generation: 1, hold: 1, ...(stored !== undefined && { stored }) }, out);
}

test.for(["REPLAYING", "PREPARING", "CHECKING", "LIVE"] as const)(
  "R20, R22: an acknowledgement beyond the sent notifications has no effect, for any written text, in %s",
  (state) => {
    const session = open();
    page(session, [row(1), row(2), row(3)], state === "REPLAYING");
    if (state !== "REPLAYING" && state !== "PREPARING") held(session, state === "LIVE" ? at(3) : undefined);
    expect(session.state).toBe(state);
    given = at(2);
    for (const sequence of [at(900), at(3), `f${at(1).slice(1)}`]) step(session, { type: "ack", sequence }, out);
    expect([acknowledged, deleted, session.acked]).toEqual([[], [], START]);
    step(session, { type: "ack", sequence: at(2) }, out);
    expect([deleted, session.acked]).toEqual([[at(2)], at(2)]);
  },
);

test("R4, R23: nothing is deleted before a director has checked the connection's first cursor", () => {
  const session = open(at(2));
  page(session, [row(3), row(4)]);
  given = at(4);
  step(session, { type: "ack", sequence: at(4) }, out);
  expect(deleted).toEqual([]);
  held(session);
  expect(deleted).toEqual([at(4)]);
});

test("R11: notifications sent before a restart at the beginning acknowledge nothing after it", () => {
  const session = open(at(2));
  held(session, at(2));
  expect(session.state).toBe("LIVE");
  deleted = [];
  step(session, { type: "demoted", generation: 1, resume: START }, out);
  // The outbox begins again with `connected`.
  given = START;
  page(session, [row(1)]);
  step(session, { type: "ack", sequence: at(2) }, out);
  expect([session.acked, deleted]).toEqual([START, []]);
});

test("R7: a live session counts as caught up, but not while it reads, prepares or checks", () => {
  const session = open();
  page(session, [row(1)], true);
  page(session, [row(2)]);
  // A read without a hold omits deferred notifications, and those stored since.
  expect([session.state, session.caughtUp]).toEqual(["PREPARING", false]);
  held(session);
  expect([session.state, session.caughtUp]).toEqual(["CHECKING", false]);
  step(session, { type: "readFailed", read: session.read }, out);
  expect(session.caughtUp).toBe(false);
  page(session, []);
  held(session, at(2));
  expect([session.state, session.caughtUp, caughtUp]).toEqual(["LIVE", true, 1]);
  for (const event of [{ type: "waiting" }, { type: "moved" }, { type: "invited", generation: 1 }] as const) {
    step(session, event, out);
    expect(session.caughtUp).toBe(false);
    if (session.state === "REPLAYING") page(session, []);
    held(session, at(2));
    expect(session.caughtUp).toBe(true);
  }
});

test("R7: notifications queued at the hold belong to it, until they arrive or can no longer arrive", () => {
  const session = open();
  step(session, { type: "held", generation: 1, hold: 1, stored: START, queued: at(2) }, out);
  expect([session.state, session.caughtUp]).toEqual(["LIVE", false]);
  step(session, { type: "deliver", generation: 1, prev: START, row: row(1) }, out);
  expect(session.caughtUp).toBe(false);
  step(session, { type: "deliver", generation: 1, prev: at(1), row: row(2) }, out);
  expect([session.caughtUp, caughtUp]).toEqual([true, 1]);
  step(session, { type: "invited", generation: 1 }, out);
  step(session, { type: "held", generation: 1, hold: 2, stored: at(2), queued: at(3) }, out);
  expect(session.caughtUp).toBe(false);
  step(session, { type: "timeout" }, out);
  expect(session.caughtUp).toBe(true);
});

/** A retract, as the director sends it. */
function retract(offset: number): Row {
  const writer = new PackWriter();
  const options = writeOptions({ collapse: "k", retract: true });
  writer.notification({ key: "t/a", id: "00000000-0000-4000-8000-000000000001", options, payload: Buffer.from("1") });
  let body = Buffer.alloc(0);
  readPack(writer.take(), (_, item) => (body = Buffer.from(item)));
  return { sequence: at(offset), appended: 0, body };
}

function liveFrom(retracts: boolean): Session {
  const session = createSession({ key: "t/a", id: 1, partition: 0, acknowledges: true, retracts }, at(1));
  step(session, { type: "opened" }, out);
  held(session, at(1));
  return session;
}

test("R62: a retract that was not asked for is acknowledged once everything before it is", () => {
  const session = liveFrom(false);
  step(session, { type: "deliver", generation: 1, prev: at(1), row: retract(2) }, out);
  expect([session.sent, session.acked, acknowledged]).toEqual([at(2), at(2), [at(2)]]);
  step(session, { type: "deliver", generation: 1, prev: at(2), row: row(3) }, out);
  step(session, { type: "deliver", generation: 1, prev: at(3), row: retract(4) }, out);
  expect([session.sent, acknowledged]).toEqual([at(4), [at(2)]]);
  given = at(3);
  step(session, { type: "ack", sequence: at(3) }, out);
  expect([session.acked, acknowledged]).toEqual([at(4), [at(2), at(4)]]);
});

test("R62: a stored retract that was not asked for is deleted with what comes before it, and never alone", () => {
  const session = open();
  page(session, [row(1), retract(2), retract(3)]);
  expect([session.acked, deleted]).toEqual([START, []]);
  given = at(1);
  step(session, { type: "ack", sequence: at(1) }, out);
  expect([session.acked, deleted]).toEqual([at(3), [at(3)]]);
});

test("R61: a retract that was asked for is written, and acknowledged only by its client", () => {
  const session = liveFrom(true);
  step(session, { type: "deliver", generation: 1, prev: at(1), row: retract(2) }, out);
  expect([session.written, session.acked, acknowledged]).toEqual([at(2), at(1), []]);
});
