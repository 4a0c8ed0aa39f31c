import { expect, test } from "vitest";
import { Failure } from "#runtime/errors.ts";
import { TurnedAway } from "./identity.ts";
import { Waiters, type WaitBound } from "./pending-callers.ts";

const LIMITS = { all: 4, issuer: 3, address: 2 };
const [acme, globex] = [{}, {}];

function waiting(): { waiters: Waiters; refused: WaitBound[]; keys: Promise<void>; arrive: () => void } {
  const refused: WaitBound[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  return { waiters: new Waiters(LIMITS, (bound) => refused.push(bound)), refused, keys: promise, arrive: resolve };
}

test("a bounded number of callers wait for one issuer's keys, and another issuer has its own places", async () => {
  const { waiters, refused, keys, arrive } = waiting();
  const wait = (issuer: object, network: string) => waiters.keys(issuer, network, () => keys);
  const first = [wait(acme, "a"), wait(acme, "a"), wait(acme, "b")];
  await expect(wait(acme, "c")).rejects.toThrow(Failure);
  first.push(wait(globex, "c"));
  expect(refused).toEqual(["issuer"]);
  arrive();
  await Promise.all(first);
  await wait(acme, "c");
  expect(refused).toHaveLength(1);
});

test("one address has a bounded number of requests that wait for keys, for any issuers", async () => {
  const { waiters, refused, keys, arrive } = waiting();
  const first = [acme, globex].map((issuer) => waiters.keys(issuer, "a", () => keys));
  await expect(waiters.keys(acme, "a", () => keys)).rejects.toThrow(TurnedAway);
  first.push(waiters.keys(acme, "b", () => keys));
  expect(refused).toEqual(["address"]);
  arrive();
  await Promise.all(first);
});

test("a failed check frees its place; at the limit nothing is checked", async () => {
  const { waiters, refused, keys, arrive } = waiting();
  await expect(waiters.check(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(waiters.size).toBe(0);
  const all = Array.from({ length: LIMITS.all }, () => waiters.check(() => keys));
  expect(waiters.size).toBe(LIMITS.all);
  let checked = false;
  const check = waiters.check(async () => void (checked = true));
  await expect(check).rejects.toMatchObject({ kind: "retry" });
  expect([checked, refused]).toEqual([false, ["all"]]);
  arrive();
  await Promise.all(all);
  expect(waiters.size).toBe(0);
});
