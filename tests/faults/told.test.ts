import { expect, test } from "vitest";
import { Tale } from "./tale.ts";
import { knownOf, wrongIn, type Known, type Told } from "./told.ts";

const known = (more: Partial<Known> = {}): Known => ({
  key: "t/a",
  notification: "n1",
  received: true,
  ttl: false,
  collapse: false,
  ...more,
});
const told = (state: string, sentence = "It is so.", unknown: string[] = []): Told => ({ state, sentence, unknown });

test("an end that did not happen is wrong", () => {
  const lost = known({ received: false });
  expect(wrongIn(lost, told("acknowledged"))).toContain("did not happen");
  expect(wrongIn(known(), told("expired"))).toContain("did not happen");
  expect(wrongIn(known(), told("replaced"))).toContain("did not happen");
  expect(wrongIn(known(), told("acknowledged"))).toBeUndefined();
  expect(wrongIn(known({ ttl: true }), told("expired"))).toBeUndefined();
  expect(wrongIn(known({ collapse: true }), told("retracted"))).toBeUndefined();
});

test("an accepted notification is in no state that excludes it", () => {
  for (const state of ["refused", "dead-lettered", "cancelled", "repeated"])
    expect(wrongIn(known(), told(state))).toContain("cannot be");
});

test("a step on its way is right if the answer says that later ones may be missing", () => {
  expect(wrongIn(known(), told("held", "It waits in memory."))).toContain("held");
  expect(wrongIn(known(), told("held", "Nothing later is recorded yet."))).toBeUndefined();
  expect(wrongIn(known(), told("held", "It waits in memory.", ["3 events are missing."]))).toBeUndefined();
  expect(wrongIn(known({ received: false }), told("acknowledged", "", ["3 events are missing."]))).toBeDefined();
});

test("only accepted notifications of clients are judged", () => {
  const tale = new Tale().connect(1);
  tale.publish("1").publish("2", { outcome: "failed" }).publish("3", { key: "t/{q}" }).publish("4", { ttl: 1 });
  tale.receive(1, "1", "01");
  expect(knownOf(tale.events)).toEqual([
    known({ notification: "n1" }),
    known({ notification: "n4", received: false, ttl: true }),
  ]);
});
