import { expect, test } from "vitest";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { InsertQueue, type WaitingItem } from "./insert-queue.ts";
import type { InboxItem } from "./items.ts";

interface Source {
  dropped: boolean;
}

function itemOf(tenant: string, number: number, bytes = 10): InboxItem {
  return {
    tenant,
    client: `${tenant}/u`,
    sequence: String(number).padStart(19, "0"),
    appended: 0,
    id: "6e8bc430-9c3a-41d9-9669-0800200c9a66",
    event: "",
    traceparent: "",
    followed: false,
    ttl: 0,
    options: {},
    data: Buffer.alloc(bytes),
  };
}

function queueWith(insert: (items: readonly InboxItem[]) => Promise<void>) {
  const settled: InboxItem[] = [];
  const rejected: InboxItem[] = [];
  const fatal: unknown[] = [];
  let retries = 0;
  const queue = new InsertQueue<WaitingItem<Source>>({
    insert,
    settled: (items) => settled.push(...items.map(({ item }) => item)),
    rejected: (item) => rejected.push(item),
    weightOf: () => 1,
    metrics: { retried: () => (retries += 1) },
    log: createLog("test", "fatal"),
    fatal: (error) => fatal.push(error),
    paceMs: 1,
    backoffMs: [1, 1],
  });
  const source: Source = { dropped: false };
  const add = (...items: InboxItem[]): void => {
    for (const item of items) queue.add({ item, source });
  };
  return { queue, add, source, settled, rejected, fatal, retries: () => retries };
}

test("items of one turn share a statement, in the order of their sequences", async () => {
  const calls: number[][] = [];
  const { add, settled } = queueWith((items) => {
    calls.push(items.map(({ sequence }) => Number(sequence)));
    return Promise.resolve();
  });
  add(itemOf("b", 2), itemOf("a", 1), itemOf("b", 3));
  await expect.poll(() => settled.length).toBe(3);
  expect(calls).toEqual([[1, 2, 3]]);
});

test("no tenant waits for all items of another", async () => {
  const calls: (readonly InboxItem[])[] = [];
  const open: (() => void)[] = [];
  const { add } = queueWith((items) => {
    calls.push(items);
    return new Promise((resolve) => open.push(resolve));
  });
  for (let number = 0; number < 3_000; number += 1) add(itemOf("loud", number));
  add(itemOf("quiet", 9_999));
  expect(calls.map(({ length }) => length)).toEqual([500, 500]);
  open.shift()!();
  await expect.poll(() => calls.length).toBe(3);
  expect(calls[2]!.map(({ tenant }) => tenant)).toContain("quiet");
});

test("a statement is bounded in bytes", async () => {
  const calls: number[] = [];
  const { add, settled } = queueWith((items) => {
    calls.push(items.length);
    return Promise.resolve();
  });
  add(...Array.from({ length: 6 }, (_, number) => itemOf("a", number, 400_000)));
  await expect.poll(() => settled.length).toBe(6);
  expect(calls).toEqual([3, 3]);
});

test("a retry repeats the batch, a rejected item is left out alone, and anything else ends the process", async () => {
  let tries = 0;
  const { add, settled, rejected, fatal, retries } = queueWith((items) => {
    if ((tries += 1) <= 2) throw new Failure("retry", "away");
    if (items.some(({ sequence }) => Number(sequence) === 3)) throw new Failure("reject", "never");
    if (items.some(({ sequence }) => Number(sequence) === 9)) throw new TypeError("a defect");
    return Promise.resolve();
  });
  add(...[1, 2, 3, 4, 5].map((number) => itemOf("a", number)));
  await expect.poll(() => settled.length).toBe(5);
  expect([retries(), rejected.map(({ sequence }) => Number(sequence))]).toEqual([2, [3]]);
  add(itemOf("a", 9));
  await expect.poll(() => fatal.length).toBe(1);
});

test("items of a dropped source are forgotten, also those that are tried again", async () => {
  let away = true;
  let tries = 0;
  const { queue, add, source, settled } = queueWith(() => {
    tries += 1;
    return away ? Promise.reject(new Failure("retry", "away")) : Promise.resolve();
  });
  add(itemOf("a", 1));
  await expect.poll(() => tries).toBeGreaterThan(1);
  add(itemOf("a", 2));
  source.dropped = true;
  await queue.idle();
  away = false;
  expect(settled).toEqual([]);
});
