import { expect, test } from "vitest";
import { boundedFrame, boundedFrames, marksBody, RELOAD, type InboxFrame } from "./inbox.ts";

const id = "6e8bc430-9c3a-41d9-9669-0800200c9a66";
const marked = (ids: number): InboxFrame => ({
  type: "inbox",
  mark: "read",
  ids: Array.from({ length: ids }, () => id),
  unread: 0,
  unseen: 0,
});

test("R85: a frame that is too long becomes reload, and so do frames that wait together", () => {
  expect(boundedFrame(marked(400))).toEqual(marked(400));
  expect(boundedFrame(marked(500))).toEqual(RELOAD);
  expect(boundedFrames([marked(200), marked(200)])).toHaveLength(2);
  expect(boundedFrames([marked(400), marked(200)])).toEqual([RELOAD]);
});

test.each([
  ["ids and a cursor", { ids: [id], upTo: "0".repeat(25), mark: "read" }],
  ["no target", { mark: "read" }],
  ["no ids", { ids: [], mark: "read" }],
  ["too many ids", { ids: Array.from({ length: 1_001 }, () => id), mark: "read" }],
  ["an id that is no UUID", { ids: ["1"], mark: "read" }],
  ["an unknown mark", { ids: [id], mark: "unread" }],
  ["an unknown member", { ids: [id], mark: "read", client: "u" }],
])("R82: marks with %s are refused", (_, body) => {
  expect(marksBody.safeParse(body).success).toBe(false);
});
