import { expect, test } from "vitest";
import { check } from "./check.ts";
import type { HistoryEvent } from "./history.ts";
import { Tale } from "./tale.ts";

/** Three notifications that the client t/a has received. */
function three(): Tale {
  const tale = new Tale().connect(1);
  for (const id of ["1", "2", "3"]) tale.publish(id).receive(1, id, `0${id}`, `n${id}`);
  return tale;
}

test("a list with each notification once, the newest first, passes, and counts as listed", () => {
  const tale = three().list(["3", "2", "1"]);
  expect(tale.breaches()).toEqual([]);
  expect(check(tale.events).figures.listed).toBe(3);
});

test("R81: an accepted notification is in the last list, and an earlier list may be behind", () => {
  expect(three().list(["3", "1"]).breaches()).toEqual(["missing from the list"]);
  expect(three().list(["3", "1"], { last: false }).breaches()).toEqual([]);
  const unknown = three().publish("4", { outcome: "unknown" });
  expect(unknown.list(["3", "2", "1"]).breaches()).toEqual([]);
});

test("R80: nothing is listed twice or out of order, also over several pages", () => {
  expect(three().list(["3", "2", "2", "1"], { paged: true }).breaches()).toEqual(["listed twice", "list out of order"]);
  expect(three().list(["2", "3", "1"]).breaches()).toEqual(["list out of order"]);
});

test("a list shows only accepted notifications of its client, under their ids and cursors", () => {
  expect(three().list(["4", "3", "2", "1"]).breaches()).toEqual(["never sent"]);
  const other = three().publish("4", { key: "t/b" }).connect(2, undefined, "t/b").receive(2, "4", "04");
  expect(other.list(["4", "3", "2", "1"]).breaches()).toEqual(["of another client"]);
  expect(three().publish("4", { outcome: "failed" }).list(["4", "3", "2", "1"]).breaches()).toEqual([
    "refused, but received",
  ]);
  const moved = new Tale().connect(1).publish("1").receive(1, "1", "09", "other").list(["1"]);
  expect(moved.breaches()).toEqual(["under two cursors", "under two ids"]);
});

test("R80: the counts of a list in one page are those of its items", () => {
  const read = three().mark("read", { ids: ["n1"] });
  expect(read.list(["3", "2", ["1", "read"]], { unread: 3 }).breaches()).toEqual(["wrong counts"]);
  expect(three().list(["3", "2", "1"], { unseen: 2 }).breaches()).toEqual(["wrong counts"]);
  expect(three().list(["3", "2", "1"], { unread: 7, paged: true }).breaches()).toEqual([]);
});

test("R82: an answered mark holds in each list that is asked for later, by ids and up to a cursor", () => {
  for (const which of [{ ids: ["n2"] }, { upTo: "02" }]) {
    const marked = (): Tale => three().mark("read", which);
    const first = "upTo" in which ? (["1", "read"] as [string, "read"]) : "1";
    expect(
      marked()
        .list(["3", ["2", "read"], first])
        .breaches(),
    ).toEqual([]);
    expect(
      marked()
        .list(["3", ["2", "seen"], first])
        .breaches(),
    ).toContain("mark lost");
    // It was asked for before the answer to the mark.
    expect(marked().list(["3", "2", "1"], { asked: 1 }).breaches()).toEqual([]);
  }
  expect(
    three()
      .mark("read", { ids: ["n2"] }, false)
      .list(["3", "2", "1"])
      .breaches(),
  ).toEqual([]);
});

test("R82: an item has only marks that a device asked for", () => {
  expect(
    three()
      .list(["3", "2", ["1", "seen"]])
      .breaches(),
  ).toEqual(["mark invented"]);
  const seen = three().mark("seen", { upTo: "02" }, false);
  expect(seen.list([["3", "seen"], "2", "1"]).breaches()).toEqual(["mark invented"]);
});

test("R81: an archived item leaves the list, and no other does", () => {
  expect(
    three()
      .mark("archived", { ids: ["n1"] })
      .list(["3", "2", "1"])
      .breaches(),
  ).toEqual(["mark lost"]);
  expect(
    three()
      .mark("archived", { ids: ["n1"] }, false)
      .list(["3", "2"])
      .breaches(),
  ).toEqual([]);
  expect(three().mark("archived", { upTo: "01" }).list(["3"]).breaches()).toEqual(["missing from the list"]);
});

test("R81: replaced, retracted and expired notifications leave the list", () => {
  const replaced = (retract?: true): Tale =>
    new Tale()
      .connect(1)
      .publish("1", { collapse: "k" })
      .receive(1, "1", "01")
      .publish("2", { collapse: "k", ...(retract && { retract }) })
      .receive(1, "2", "02");
  expect(replaced().list(["2"]).breaches()).toEqual([]);
  expect(replaced().list(["2", "1"]).breaches()).toEqual(["still listed"]);
  expect(replaced().list([]).breaches()).toEqual(["missing from the list"]);
  expect(replaced(true).list([]).breaches()).toEqual([]);
  expect(replaced(true).list(["2"]).breaches()).toEqual(["still listed"]);
  const expiring = (): Tale => new Tale().connect(1).publish("1", { ttl: 500 }).receive(1, "1", "01");
  expect(expiring().list([]).breaches()).toEqual(["missing from the list"]);
  expect(expiring().wait(2_000).list([]).breaches()).toEqual([]);
  expect(expiring().wait(2_000).list(["1"]).breaches()).toEqual(["still listed"]);
});

test("R81: a full inbox may leave out older notifications only", () => {
  const names = Array.from({ length: 501 }, (_, index) => String(index).padStart(3, "0"));
  const full = (): Tale => {
    const tale = new Tale().connect(1);
    for (const id of names) tale.publish(id).receive(1, id, id);
    return tale;
  };
  expect(full().list(names.slice(1).toReversed()).breaches()).toEqual([]);
  expect(full().list(names.slice(0, 500).toReversed()).breaches()).toEqual(["missing from the list"]);
});

test("R84: an item that is read has the outcome, with one id, and no other has it", () => {
  const ended = (outcome: string, message = `m ${outcome}`): HistoryEvent => ({
    kind: "outcome",
    notification: "n1",
    message,
    outcome,
    at: 99,
  });
  const asks = (): Tale =>
    new Tale().connect(1).publish("1", { asks: true }).receive(1, "1", "01", "n1").event(ended("acknowledged"));
  const read = (): Tale => asks().mark("read", { upTo: "01" });
  expect(
    read()
      .event(ended("read"))
      .event(ended("read"))
      .list([["1", "read"]])
      .breaches(),
  ).toEqual([]);
  expect(
    read()
      .list([["1", "read"]])
      .breaches(),
  ).toEqual(["no outcome"]);
  expect(read().event(ended("read")).event(ended("read", "other")).breaches()).toEqual(["outcome under two ids"]);
  expect(asks().mark("seen", { upTo: "01" }).event(ended("read")).breaches()).toEqual(["wrong outcome"]);
});
