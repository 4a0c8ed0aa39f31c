import { expect, test } from "vitest";
import { check } from "./check.ts";
import type { HistoryEvent, Outcome } from "./history.ts";
import { Tale } from "./tale.ts";

/** Two stored, one live, a reconnect at an older cursor that repeats one, one refused, one unknown. */
const clean = (): Tale =>
  new Tale()
    .publish("1")
    .publish("2")
    .event({ kind: "stored", key: "t/a", cursor: "02", at: 4 })
    .connect(1)
    .event({ kind: "resume", connection: 1, cursor: "00", at: 5 })
    .receive(1, "1", "01")
    .receive(1, "2", "02")
    .event({ kind: "live", connection: 1, at: 6 })
    .publish("refused", { outcome: "failed" })
    .publish("unknown", { outcome: "unknown" })
    .publish("3")
    .receive(1, "unknown", "03")
    .receive(1, "3", "04")
    .connect(2, "03")
    .receive(2, "3", "04");

test("a clean history passes, and its figures are right", () => {
  const { violations, figures } = check(clean().events, { window: 2 });
  expect(violations).toEqual([]);
  expect(figures).toMatchObject({ sent: 3, received: 3, failed: 1, unknown: 1, lost: 0, reordered: 0, duplicates: 1 });
});

test("an answer of 202 without its notification is a loss; one with an unknown outcome may be missing", () => {
  expect(clean().publish("4").breaches()).toEqual(["lost"]);
  expect(clean().publish("4", { outcome: "unknown" }).breaches()).toEqual([]);
  expect(clean().event({ kind: "send", id: "4", key: "t/a", stream: "p", at: 99 }).breaches()).toEqual([]);
});

test("a first receipt before an earlier one's is reordered", () => {
  const swapped = new Tale()
    .publish("1")
    .publish("2")
    .connect(1)
    .receive(1, "2", "02")
    .connect(2)
    .receive(2, "1", "01");
  expect(swapped.breaches()).toContain("reordered");
});

test("an earlier answer of one publisher has the lower cursor", () => {
  const swapped = new Tale().publish("1").publish("2").connect(1).receive(1, "2", "01").receive(1, "1", "02");
  expect(swapped.breaches()).toEqual(["reordered"]);
});

test("a connection never gets a notification at or before its cursor or an earlier one", () => {
  expect(clean().receive(2, "3", "04").breaches()).toEqual(["repeated on a connection"]);
  expect(clean().connect(3, "04").receive(3, "3", "04").breaches()).toEqual(["repeated on a connection"]);
});

test("notifications stored before a connection come before live", () => {
  const tale = new Tale().publish("1").event({ kind: "stored", key: "t/a", cursor: "01", at: 3 }).connect(1);
  expect(tale.event({ kind: "live", connection: 1, at: 4 }).receive(1, "1", "01").breaches()).toEqual([
    "new before stored",
  ]);
});

test("one publish is one notification, and a failed one is none", () => {
  expect(clean().receive(1, "unknown", "05").breaches()).toEqual(["under two cursors"]);
  expect(clean().receive(1, "refused", "05").breaches()).toEqual(["refused, but received"]);
  expect(clean().receive(1, "nobody's", "05").breaches()).toEqual(["never sent"]);
});

test("a client gets no notification of another client or tenant", () => {
  expect(clean().connect(3, undefined, "u/a").receive(3, "1", "01").breaches()).toEqual(["of another client"]);
});

test("duplicates are bounded by the window times the connections", () => {
  const tale = new Tale();
  for (const id of ["1", "2", "3", "4", "5", "6", "7"])
    tale.publish(id).connect(Number(id)).receive(Number(id), id, id);
  expect(tale.breaches()).toEqual([]);
  const again = new Tale();
  again.connect(1);
  for (const id of ["1", "2", "3", "4", "5"]) again.publish(id).receive(1, id, id);
  again.connect(2);
  for (const id of ["1", "2", "3", "4"]) again.receive(2, id, id);
  expect(again.breaches()).toEqual([]);
  expect(again.receive(2, "5", "5").breaches()).toEqual(["too many duplicates"]);
});

test("an issued cursor is accepted", () => {
  expect(clean().connect(3, "04").event({ kind: "resume", connection: 3, cursor: "00", at: 99 }).breaches()).toEqual([
    "cursor not taken",
  ]);
});

test("an expired notification is accounted for, but only after its time, and only if it has one", () => {
  expect(clean().publish("4", { ttl: 1_000 }).breaches()).toEqual(["lost"]);
  const expired = clean().publish("4", { ttl: 10 }).wait(20).publish("5").receive(2, "5", "05");
  expect(expired.breaches()).toEqual(["expired unseen"]);
  expect(expired.event({ kind: "expire", notification: "n4", at: 99 }).breaches()).toEqual([]);
  const early = clean().publish("4", { ttl: 1_000 }).event({ kind: "expire", notification: "n4", at: 50 });
  expect(early.breaches()).toEqual(["expired early"]);
  expect(clean().publish("4").event({ kind: "expire", notification: "n4", at: 99 }).breaches()).toEqual([
    "expired early",
  ]);
});

test("a dead letter is accounted for and reported, because no publisher sends unprocessable records", () => {
  const letter = { kind: "dead letter", place: "accepted/1/7", notifications: ["n4"], reason: "why", at: 99 } as const;
  expect(clean().publish("4").event(letter).breaches()).toEqual(["dead letter"]);
});

test("poison is one dead letter, plus one for each successor and each unanswered send", () => {
  const poison = { kind: "poison", place: "accepted/1/7", partition: 1, at: 50 } as const;
  const letter = { kind: "dead letter", place: "accepted/1/7", notifications: [], reason: "why", at: 99 } as const;
  expect(clean().event(poison).breaches()).toEqual(["no dead letter"]);
  expect(clean().event(poison).event(letter).breaches()).toEqual([]);
  const twice = clean().event(poison).event(letter).event(letter);
  expect(twice.breaches()).toEqual(["dead letter again"]);
  expect(check(twice.events, { window: 2, repeatedSends: true }).violations).toEqual([]);
  const claim = { kind: "claim", partition: 1, at: 60 } as const;
  expect(twice.event(claim).breaches()).toEqual([]);
  expect(twice.event(letter).breaches()).toEqual(["dead letter again"]);
  const elsewhere = clean().event(poison).event(letter).event(letter);
  expect(elsewhere.event({ ...claim, partition: 2 }).breaches()).toEqual(["dead letter again"]);
});

test("a notification that is repeated until accepted is accepted, and is one notification", () => {
  const repeated = (...outcomes: Outcome[]): Tale => clean().publish("4", { repeats: true, outcomes });
  expect(repeated("failed", "unknown", "failed", "ok").receive(2, "4", "05").breaches()).toEqual([]);
  expect(repeated("unknown", "ok").breaches()).toEqual(["lost"]);
  expect(repeated("unknown", "ok").receive(2, "4", "05").receive(2, "4", "06").breaches()).toEqual([
    "under two cursors",
  ]);
  // It was accepted. The answer to a later repeat does not change that.
  expect(repeated("ok", "failed").breaches()).toEqual(["lost"]);
  expect(repeated("failed", "unknown").breaches()).toEqual(["never accepted"]);
  expect(repeated("unknown", "failed").receive(2, "4", "05").breaches()).toEqual(["never accepted"]);
  expect(repeated("failed", "failed").receive(2, "4", "05").breaches()).toEqual([
    "refused, but received",
    "never accepted",
  ]);
});

test("silence and recovery are measured for clients that want to be connected", () => {
  const tale = new Tale().connect(1).publish("1").wait(5_000);
  tale.event({ kind: "mark", what: "healed", at: 5_000 }).wait(1_000).receive(1, "1", "01");
  const { figures } = check(tale.events);
  expect(figures.silence).toBeGreaterThan(5_900);
  expect(figures.recovery).toBeGreaterThan(900);
  expect(figures.recovery).toBeLessThan(1_100);
});

test("no client waits for an expired notification", () => {
  const tale = new Tale().connect(1).publish("1", { ttl: 1 }).wait(10);
  tale.event({ kind: "expire", notification: "n1", at: 20 }).wait(5_000).publish("2").receive(1, "2", "02");
  expect(check(tale.events)).toMatchObject({ violations: [], figures: { expired: 1 } });
  expect(check(tale.events).figures.silence).toBeLessThan(100);
});

const outcome = (id: string, what: string, message = `m${id}`): HistoryEvent => ({
  kind: "outcome",
  notification: `n${id}`,
  message,
  outcome: what,
  at: 99,
});

test("R60: a replaced notification need not arrive, and the last one of its key must", () => {
  const replaced = clean().publish("4", { collapse: "k" }).publish("5", { collapse: "k" });
  expect(replaced.breaches()).toEqual(["lost"]);
  expect(replaced.receive(2, "5", "05").breaches()).toEqual([]);
  expect(clean().publish("4", { collapse: "k" }).publish("5", { collapse: "k", retract: true }).breaches()).toEqual([]);
  expect(
    clean().publish("4", { collapse: "k" }).publish("5", { collapse: "other" }).receive(2, "5", "05").breaches(),
  ).toEqual(["lost"]);
});

test("R63: each notification that asks has an outcome with one id, and the first outcome is right", () => {
  const asks = (): Tale => clean().publish("4", { asks: true }).receive(2, "4", "05");
  expect(asks().breaches()).toEqual(["no outcome"]);
  expect(asks().event(outcome("4", "acknowledged")).event(outcome("4", "expired")).breaches()).toEqual([]);
  expect(asks().event(outcome("4", "replaced")).breaches()).toEqual(["wrong outcome"]);
  const two = asks()
    .event(outcome("4", "acknowledged"))
    .event(outcome("4", "acknowledged", "other"));
  expect(two.breaches()).toEqual(["outcome under two ids"]);
  const pair = (): Tale =>
    clean().publish("4", { asks: true, collapse: "k" }).publish("5", { asks: true, collapse: "k", retract: true });
  const retracted = pair().event(outcome("4", "retracted")).event(outcome("5", "acknowledged"));
  expect(retracted.breaches()).toEqual([]);
  expect(pair().event(outcome("4", "acknowledged")).event(outcome("5", "acknowledged")).breaches()).toEqual([
    "wrong outcome",
  ]);
});

test("R60: only an accepted notification with the same key and client replaces", () => {
  const first = (): Tale => clean().publish("4", { collapse: "k" });
  expect(first().publish("5", { collapse: "k", outcome: "failed" }).breaches()).toEqual(["lost"]);
  expect(first().publish("5", { collapse: "k", outcome: "unknown" }).breaches()).toEqual([]);
  expect(first().publish("5", { collapse: "k", key: "t/b" }).breaches()).toEqual(["lost", "lost"]);
});

test("R63: each outcome needs its own event, and no outcome is owed without a request or an acceptance", () => {
  const asked = (more: object = {}): Tale => clean().publish("4", { asks: true, ...more });
  expect(clean().publish("4").receive(2, "4", "05").breaches()).toEqual([]);
  expect(asked({ outcome: "failed" }).breaches()).toEqual([]);
  expect(asked({ outcome: "unknown" }).breaches()).toEqual([]);
  // Nothing shows that it was acknowledged, replaced, expired or dead.
  for (const what of ["acknowledged", "replaced", "retracted", "expired", "dead", "unheard of"])
    expect(asked().event(outcome("4", what)).breaches()).toEqual(["wrong outcome", "lost"]);
  const expired = asked({ ttl: 10 }).wait(20).event({ kind: "expire", notification: "n4", at: 99 });
  expect(expired.event(outcome("4", "expired")).breaches()).toEqual([]);
  const letter = { kind: "dead letter", place: "accepted/1/7", notifications: ["n4"], reason: "why", at: 99 } as const;
  expect(asked().event(letter).event(outcome("4", "dead")).breaches()).toEqual(["dead letter"]);
  expect(asked().event(letter).event(outcome("4", "other")).breaches()).toEqual(["dead letter", "wrong outcome"]);
});

test("R63: the first outcome counts, and figures count notifications with an outcome", () => {
  const asks = (): Tale => clean().publish("4", { asks: true }).receive(2, "4", "05");
  expect(asks().event(outcome("4", "expired")).event(outcome("4", "acknowledged")).breaches()).toEqual([
    "wrong outcome",
  ]);
  const once = asks().event(outcome("4", "acknowledged")).event(outcome("4", "acknowledged"));
  expect(check(once.events, { window: 2 }).figures.outcomes).toBe(1);
});

test("a replaced notification keeps no client waiting", () => {
  const tale = new Tale().connect(1).publish("1", { collapse: "k" }).wait(5_000).publish("2", { collapse: "k" });
  expect(check(tale.receive(1, "2", "02").events)).toMatchObject({ violations: [], figures: { silence: 0 } });
});

test("each occurrence of a schedule that is due comes once, in order, and under one id", () => {
  const occurrences = (...due: boolean[]): Tale => {
    const tale = new Tale();
    for (const [number, answered] of due.entries()) {
      const id = `s@${number}`;
      tale.event({ kind: "send", id, key: "t/a", stream: "s", at: number });
      if (answered) tale.event({ kind: "answer", id, outcome: "ok", at: number });
    }
    return tale.connect(1);
  };
  const both = (): Tale => occurrences(true, true).receive(1, "s@0", "01", "n0").receive(1, "s@1", "02", "n1");
  expect(both().breaches()).toEqual([]);
  expect(occurrences(true, true).receive(1, "s@1", "02").breaches()).toEqual(["lost"]);
  // Before the first and after the last one, an occurrence may fire or not.
  expect(occurrences(false, true, false).receive(1, "s@1", "02").breaches()).toEqual([]);
  expect(occurrences(false, true).receive(1, "s@0", "01").receive(1, "s@1", "02").breaches()).toEqual([]);
  expect(occurrences(true, true).receive(1, "s@1", "01").receive(1, "s@0", "02").breaches()).toEqual(["reordered"]);
  expect(both().connect(2).receive(2, "s@1", "03", "n1").breaches()).toEqual(["under two cursors"]);
  expect(both().connect(2).receive(2, "s@1", "02", "other").breaches()).toEqual(["under two ids"]);
  expect(both().receive(1, "s@2", "03").breaches()).toEqual(["never sent"]);
});
