import { EVENT_KINDS, type Details, type EventKind } from "@saasaparilla/shared/timeline/events.ts";
import { describe, expect, test } from "vitest";
import type { Facts } from "./facts.ts";
import { sentenceOf } from "./sentences.ts";
import { presentState } from "./state.ts";
import { STATES, type StateName } from "./state-rule.ts";
import { inOrder, type StoredEvent } from "./told-events.ts";

const START = Date.UTC(2026, 10, 27, 12);
const NOW = START + 3_600_000;
const CONNECTION = "3:77:5";

/** Each event is a second after the one before. */
function story(
  ...steps: { [K in EventKind]: [kind: K, detail: Details[K], client?: string] }[EventKind][]
): StoredEvent[] {
  return inOrder(
    steps.map(([kind, detail, client = "u1"], index) => ({
      at: START + index * 1_000,
      service: "director",
      instance: "d1",
      client,
      kind,
      detail,
    })),
  );
}

const stateOf = (facts: Partial<Facts>) => presentState({ now: NOW, events: [], searched: true, ...facts });

const accepted = ["accepted", { publisher: "shop", why: "all" }] as const;
const delivered = ["delivered", { connection: CONNECTION, transport: "sse" }] as const;
const stored = ["stored", { why: "not connected" }] as const;
const row = { client: "u1", since: START };
const letter = ["dead-lettered", { why: "it is malformed", topic: "accepted", partition: 1, offset: 7 }] as const;
const publication = { target: "group:team", due: START, written: 0, refused: 0 } as const;

const CASES: [title: string, facts: Partial<Facts>, name: StateName, sentence: RegExp][] = [
  [
    "accepted",
    { events: story([...accepted]) },
    "accepted",
    /accepted at 2026-11-27 12:00:00 UTC\. Nothing later is recorded/,
  ],
  ["only in an inbox", { inbox: { client: "u1", since: START, mark: "none" } }, "accepted", /inbox of u1.*unknown/],
  [
    "waiting for a time",
    { events: story(["accepted", { publisher: "shop", why: "all", due: NOW + 1_000 }]) },
    "waiting",
    /waits for 2026-11-27 13:00:01/,
  ],
  [
    "a publication that waits",
    { publication: { ...publication, state: "waiting", due: NOW + 1_000 } },
    "waiting",
    /13:00:01/,
  ],
  ["held", { events: story([...accepted], ["held", { why: "connection catches up" }]) }, "held", /still reads earlier/],
  ["deferred", { events: story([...accepted], ["deferred", { why: "away" }]) }, "held", /Postgres was away/],
  [
    "retried",
    {
      events: story(
        [...accepted],
        ["sent", { connection: CONNECTION }],
        ["retried", { connection: CONNECTION, why: "gap" }],
      ),
    },
    "held",
    /did not take it \(gap\)/,
  ],
  [
    "sent",
    { events: story([...accepted], ["sent", { connection: CONNECTION }]) },
    "sent",
    /No acknowledgement is recorded/,
  ],
  ["delivered", { events: story([...accepted], [...delivered]) }, "sent", /u1 got it at .* over server-sent events/],
  [
    "replayed and still stored",
    {
      events: story([...accepted], [...stored], ["replayed", { connection: CONNECTION, transport: "poll" }]),
      stored: row,
    },
    "sent",
    /long poll.*stays stored/,
  ],
  [
    "claimed",
    { events: story([...accepted], ["claimed", { attempt: 2 }, "{jobs}"]) },
    "sent",
    /consumer of the queue jobs/,
  ],
  ["stored, not followed", { stored: row }, "stored", /no reason is recorded/],
  ["stored", { events: story([...accepted], [...stored]), stored: row }, "stored", /it was not connected/],
  [
    "stored after it was sent",
    { events: story([...accepted], [...delivered], ["stored", { why: "unacknowledged" }]), stored: row },
    "stored",
    /did not acknowledge it in time/,
  ],
  [
    "stored, not searched",
    { events: story([...accepted], [...stored]), searched: false },
    "stored",
    /It was stored for u1/,
  ],
  [
    "stored once, and gone",
    { events: story([...accepted], [...stored]) },
    "unknown",
    /no longer stored, and no recorded event says how it ended/,
  ],
  [
    "acknowledged on a connection",
    { events: story([...accepted], [...delivered], ["acknowledged", { how: "connection", connection: CONNECTION }]) },
    "acknowledged",
    /u1 acknowledged it at 2026-11-27 12:00:02 UTC over server-sent events/,
  ],
  ["acknowledged later", { events: story(["acknowledged", { how: "client" }]) }, "acknowledged", /12:00:00 UTC\.$/],
  [
    "an acknowledgement wins against a clock that is behind",
    { events: story(["acknowledged", { how: "client" }], [...accepted], [...delivered]) },
    "acknowledged",
    /u1 acknowledged/,
  ],
  ["confirmed", { events: story([...accepted], ["confirmed", {}, "{jobs}"]) }, "acknowledged", /queue jobs confirmed/],
  ["read", { events: story([...accepted], ["read", {}]) }, "read", /u1 read it in the inbox at/],
  [
    "read, and still stored",
    { inbox: { client: "u1", since: START, mark: "archived" }, stored: row },
    "read",
    /archived it in the inbox\. It is also still stored/,
  ],
  ["expired", { events: story([...accepted], ["expired", { where: "stored" }]) }, "expired", /while it was stored/],
  [
    "passed over by its connection, then covered by an acknowledgement",
    {
      events: story(
        [...accepted],
        ["expired", { where: "connection", connection: CONNECTION }],
        ["acknowledged", { how: "connection", connection: CONNECTION }],
      ),
    },
    "expired",
    /before its connection took it/,
  ],
  [
    "expired at one director, then covered by an acknowledgement at the next one",
    { events: story([...accepted], ["expired", { where: "waiting" }], ["acknowledged", { how: "client" }]) },
    "expired",
    /while it waited in memory/,
  ],
  [
    "replaced, then covered by an acknowledgement",
    { events: story([...accepted], ["replaced", {}], ["acknowledged", { how: "client" }]) },
    "replaced",
    /took its place/,
  ],
  [
    "expired at one connection, acknowledged at another",
    {
      events: story(
        [...accepted],
        [...delivered],
        ["expired", { where: "connection", connection: "4:1:1" }],
        ["acknowledged", { how: "connection", connection: CONNECTION }],
      ),
    },
    "acknowledged",
    /u1 acknowledged it/,
  ],
  ["a stored row that expired", { stored: { ...row, expires: NOW } }, "expired", /ended at 2026-11-27 13:00:00/],
  ["replaced", { events: story([...accepted], [...stored], ["replaced", {}]) }, "replaced", /same collapse key/],
  ["retracted", { events: story(["retracted", {}]) }, "retracted", /took it back/],
  [
    "refused",
    { events: story(["refused", { problem: "rate-limited", status: 429 }]) },
    "refused",
    /rate-limited \(429\)/,
  ],
  [
    "refused, and then accepted",
    { events: story(["refused", { problem: "busy" }], [...accepted]) },
    "accepted",
    /It was accepted/,
  ],
  [
    "dead-lettered",
    { events: story([...accepted], [...letter]) },
    "dead-lettered",
    /waits for an operator: it is malformed/,
  ],
  [
    "redriven",
    { events: story([...accepted], [...letter], ["redriven", { offset: 7 }]) },
    "accepted",
    /operator sent the dead letter again/,
  ],
  [
    "a dead letter again",
    { events: story([...letter], ["redriven", { offset: 7 }], [...letter]) },
    "dead-lettered",
    /waits for an operator/,
  ],
  ["undeliverable", { events: story(["undeliverable", { why: "too long" }]) }, "undeliverable", /too long/],
  [
    "in quarantine",
    { events: story([...accepted]), quarantined: { queue: "the queue jobs", reason: "attempts", at: START } },
    "quarantined",
    /can send it to the queue jobs again/,
  ],
  ["cancelled", { events: story([...accepted], ["cancelled", { by: "shop" }, ""]) }, "cancelled", /shop cancelled it/],
  [
    "a cancelled publication",
    { publication: { ...publication, state: "cancelled", ended: NOW, written: 3 } },
    "cancelled",
    /3 of its notifications/,
  ],
  [
    "skipped",
    { publication: { ...publication, state: "skipped", reason: "no binding matches" } },
    "skipped",
    /no binding/,
  ],
  [
    "a running publication",
    { publication: { ...publication, state: "running", written: 5 } },
    "fanned-out",
    /so far 5 notifications/,
  ],
  [
    "a publication that is done",
    { publication: { ...publication, state: "done", written: 9 } },
    "fanned-out",
    /is done: 9/,
  ],
  [
    "fanned out at once",
    { events: story([...accepted], ["fanned-out", { target: "group:team", written: 2, refused: 1 }, ""]) },
    "fanned-out",
    /2 recipients of group:team/,
  ],
  ["repeated only", { events: story(["repeated", { publisher: "shop" }]) }, "repeated", /shop sent it again/],
  ["nothing", {}, "unknown", /Nothing is known/],
];

test.each(CASES)("%s", (_, facts, name, sentence) => {
  const state = stateOf(facts);
  expect(state.name).toBe(name);
  expect(state.sentence).toMatch(sentence);
});

test("every state has a case", () => {
  expect(new Set(CASES.map(([, , name]) => name))).toEqual(new Set(STATES));
});

test("events of one time are in the order of their causes", () => {
  const at = START;
  const shuffled = ["acknowledged", "delivered", "sent", "accepted"].map((kind) => ({ at, kind }));
  expect(inOrder(shuffled).map(({ kind }) => kind)).toEqual(["accepted", "sent", "delivered", "acknowledged"]);
});

describe("sentences", () => {
  const detail = {
    publisher: "shop",
    why: "all",
    problem: "busy",
    due: NOW,
    target: "group:team",
    publication: "p1",
    by: "shop",
    connection: CONNECTION,
    transport: "websocket",
    where: "stored",
    how: "client",
    attempt: 1,
    queue: "jobs",
    written: 1,
    refused: 0,
  };

  test.each([...EVENT_KINDS])("%s has a sentence without holes", (kind) => {
    const sentence = sentenceOf({ at: START, service: "director", instance: "d1", client: "u1", kind, detail });
    expect(sentence).toMatch(/^\S.*\.$/);
    expect(sentence).not.toMatch(/undefined|\[object/);
  });

  test("a kind of a newer version is named", () => {
    const event = { at: START, service: "director", instance: "d1", client: "u1", kind: "escalated", detail: {} };
    expect(sentenceOf(event)).toContain("escalated");
    expect(stateOf({ events: [event] }).name).toBe("unknown");
  });
});
