import { afterAll, beforeAll, expect, test } from "vitest";
import { recipientId } from "@saasaparilla/shared/protocol/publication.ts";
import { readAccepted, type Accepted } from "#tests/support/accepted-records.ts";
import { Dispatch } from "#tests/support/dispatch.ts";
import { startStack, type Stack } from "#tests/support/stack.ts";

let stack: Stack;
let dispatch: Dispatch;

beforeAll(async () => {
  stack = await startStack({ services: ["dispatcher"] });
  dispatch = new Dispatch(stack);
});

afterAll(async () => {
  await dispatch.close();
  await stack.close();
});

const byKey = (accepted: Accepted[], prefix: string): Map<string, Accepted[]> =>
  Map.groupBy(
    accepted.filter(({ key }) => key.startsWith(`acme/${prefix}`)),
    ({ key }) => key,
  );

test("a group of one page, and one of several, get each publication once, with an id for each member", async () => {
  await dispatch.fill("small", 5, "s");
  await dispatch.fill("large", 2_500, "l");
  const [small] = await dispatch.publish({ to: { group: "small" }, event: "hi" });
  const [large] = await dispatch.publish({ to: { group: "large" } });
  expect(await dispatch.ended(small!)).toEqual({ state: "done", written: 5, refused: 0 });
  expect(await dispatch.ended(large!)).toEqual({ state: "done", written: 2_500, refused: 0 });
  const accepted = await readAccepted(stack);
  const members = byKey(accepted, "s");
  expect([...members.keys()].sort()).toEqual(["acme/s0", "acme/s1", "acme/s2", "acme/s3", "acme/s4"]);
  expect(members.get("acme/s3")).toMatchObject([{ id: recipientId(small!, "acme/s3"), event: "hi", payload: "0" }]);
  const many = byKey(accepted, "l");
  expect(many.size).toBe(2_500);
  for (const [key, [first, ...more]] of many) {
    expect(first!.id).toBe(recipientId(large!, key));
    expect(more).toEqual([]);
  }
});

test("publications to one group keep their order, whatever their sizes", async () => {
  await dispatch.fill("ordered", 1_200, "o");
  const ids = await dispatch.publish(...Array.from({ length: 5 }, () => ({ to: { group: "ordered" } })));
  for (const id of ids) await dispatch.ended(id);
  const [last] = await dispatch.publish({ to: { group: "ordered" } });
  await dispatch.ended(last!);
  const members = byKey(await readAccepted(stack), "o");
  expect(members.size).toBe(1_200);
  for (const [key, got] of members)
    expect(got.map(({ id }) => id)).toEqual([...ids, last!].map((id) => recipientId(id, key)));
});

test("an empty group is done, with nobody reached", async () => {
  const [id] = await dispatch.publish({ to: { group: "nobody" } });
  expect(await dispatch.ended(id!)).toEqual({ state: "done", written: 0, refused: 0 });
});

test("a delayed publication comes when it is due, under its own id", async () => {
  const [id] = await dispatch.publish({ to: { client: "later" }, delay: 2 });
  await expect.poll(async () => (await dispatch.state(id!))?.state).toBe("waiting");
  expect(byKey(await readAccepted(stack), "later").size).toBe(0);
  expect(await dispatch.ended(id!)).toEqual({ state: "done", written: 1, refused: 0 });
  expect(byKey(await readAccepted(stack), "later").get("acme/later")).toMatchObject([{ id }]);
});
