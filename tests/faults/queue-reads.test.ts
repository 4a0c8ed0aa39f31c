import { expect, test } from "vitest";
import { check } from "./check.ts";
import { QUEUE, Tale } from "./tale.ts";
import type { Breach } from "./verdict.ts";

const queued = (...ids: string[]): Tale => {
  const tale = new Tale();
  for (const id of ids) tale.publish(id, { key: QUEUE });
  return tale;
};

test("a message of a queue may come again until its confirmation is answered", () => {
  const tale = queued("1", "2").read("1").read("1").read("2").confirm("1").confirm("2");
  expect(tale.breaches()).toEqual([]);
  expect(check(tale.events).figures).toMatchObject({ sent: 2, received: 2, read: 2 });
  // The consumer asked before.
  expect(tale.read("2", { asked: 2 }).breaches()).toEqual([]);
  expect(tale.read("2").breaches()).toEqual(["read after its confirmation"]);
});

test("a message that no consumer reads is lost", () => {
  expect(queued("1", "2").read("1").confirm("1").breaches()).toEqual(["lost"]);
});

test("one reader of a queue has its messages in the order of the answers; workers have any order", () => {
  expect(queued("1", "2").read("2").read("1").breaches()).toEqual(["reordered"]);
  expect(queued("1", "2").read("2", { ordered: false }).read("1", { ordered: false }).breaches()).toEqual([]);
});

test("a message of a queue was sent to this queue, and was not refused", () => {
  expect(queued().read("1").breaches()).toEqual(["never sent"]);
  expect(new Tale().publish("1").connect(1).receive(1, "1", "01").read("1").breaches()).toEqual(["of another client"]);
  expect(new Tale().publish("1", { key: QUEUE, outcome: "failed" }).read("1").breaches()).toEqual([
    "refused, but received",
  ]);
});

test("a repeat has the id of the first", () => {
  expect(queued("1").read("1").read("1", { notification: "other" }).breaches()).toEqual(["under two ids"]);
  const received = (second: string): Breach[] =>
    new Tale().publish("1").connect(1).receive(1, "1", "01", "n1").connect(2).receive(2, "1", "01", second).breaches();
  expect(received("n1")).toEqual([]);
  expect(received("other")).toEqual(["under two ids"]);
});

test("each member of a group is owed its own copy, in the order of the publications", () => {
  const published = (): Tale => {
    const tale = new Tale();
    for (const id of ["1", "2"]) for (const key of ["t/a", "t/b"]) tale.publish(`${id}@${key}`, { key });
    return tale.connect(1).receive(1, "1@t/a", "01").receive(1, "2@t/a", "02").connect(2, undefined, "t/b");
  };
  expect(published().receive(2, "1@t/b", "03").receive(2, "2@t/b", "04").breaches()).toEqual([]);
  expect(published().receive(2, "2@t/b", "04").breaches()).toEqual(["lost"]);
  expect(published().receive(2, "2@t/b", "03").receive(2, "1@t/b", "04").breaches()).toEqual(["reordered"]);
});
