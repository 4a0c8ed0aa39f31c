import { expect, test } from "vitest";
import { asControl, asRouted } from "./control-messages.ts";

const id = { slot: 1, incarnation: 2 ** 47, session: 3 };
const refuse = { type: "refuse", key: "acme/u1", generation: 7, reason: "gap", ...id };
const held = { type: "held", partition: 0, generation: 7, incarnation: 2 ** 47, session: 3, hold: 1 };

test("messages of a known form are accepted, with or without their optional members", () => {
  expect(asControl(refuse)).toEqual(refuse);
  expect(asRouted(held)).toEqual(held);
  expect(asRouted({ ...held, stored: "0" })).toEqual({ ...held, stored: "0" });
});

test("members of a newer process do not cause a rejection", () => {
  expect(asControl({ ...refuse, reason: "of a later version" })).toMatchObject({ reason: "of a later version" });
  expect(asControl({ ...refuse, since: 5 })).toMatchObject(refuse);
});

test.each([
  ["another type", { ...refuse, type: "merge" }],
  ["a missing member", { ...refuse, generation: undefined }],
  ["a member of another type", { ...refuse, session: "3" }],
  ["no object", null],
])("a message with %s is rejected, and the error shows it", (_, message) => {
  expect(() => asControl(message)).toThrow(/is of no known form/);
});
