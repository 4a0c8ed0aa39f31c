import { expect, test } from "vitest";
import { Failure } from "#runtime/errors.ts";
import { ALWAYS_RECORDED, causalRank, EVENT_KINDS, readEvents } from "./events.ts";

test("equal times are shown in causal order, and a kind of a later version comes last", () => {
  const order = ["acknowledged", "later", "delivered", "stored", "accepted", "sent", "dead-lettered", "read"];
  expect(order.toSorted((one, other) => causalRank(one) - causalRank(other))).toEqual([
    "accepted",
    "sent",
    "delivered",
    "stored",
    "acknowledged",
    "dead-lettered",
    "read",
    "later",
  ]);
  for (const kind of EVENT_KINDS) expect(causalRank(kind)).toBeLessThan(EVENT_KINDS.length);
});

test("exceptions are kinds of events", () => {
  for (const kind of ALWAYS_RECORDED) expect(EVENT_KINDS).toContain(kind);
  for (const usual of ["accepted", "delivered", "acknowledged"] as const)
    expect(ALWAYS_RECORDED.has(usual)).toBe(false);
});

test.each(["", "{}", "[1", "1"])("a record with the text %j is rejected", (text) => {
  expect(() => readEvents(Buffer.from(text))).toThrow(Failure);
});
