import { expect, test } from "vitest";
import { recipientId } from "@saasaparilla/shared/protocol/publication.ts";
import { copiesOf, occurrenceName, platformId, receivedName } from "./recipients.ts";

test("a publication to a group has the name that each member receives, and the id that derives for it", () => {
  const note = { id: "f1.7", to: { group: "g" }, keys: ["t/a", "t/b"], pad: "" };
  const received = ["t/a", "t/b"].map((key) => receivedName({ data: { id: "f1.7", each: true } }, key));
  expect(copiesOf(note).map(({ id }) => id)).toEqual(received);
  expect(platformId(note, "t/b", "answered")).toBe(recipientId("answered", "t/b"));
});

test("a publication to one client or queue keeps its name and its id", () => {
  const note = { id: "f1.7", to: { queue: "q" }, keys: ["t/{q}"], pad: "" };
  expect(copiesOf(note)).toEqual([{ id: receivedName({ data: { id: "f1.7" } }, "t/{q}"), key: "t/{q}" }]);
  expect(platformId(note, "t/{q}", "answered")).toBe("answered");
});

test("each occurrence of a schedule has a name of its own", () => {
  const received = receivedName({ headers: { occurrence: "2026-11-27T08:00:00.000Z" }, data: { id: "s" } }, "t/a");
  expect(received).toBe(occurrenceName("s", "2026-11-27T08:00:00.000Z"));
  // Neither another occurrence nor another schedule has it.
  expect(received).not.toBe(occurrenceName("s", "2026-11-27T08:00:02.000Z"));
  expect(received).not.toBe(occurrenceName("other", "2026-11-27T08:00:00.000Z"));
});
