import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Outgoing } from "#kafka/client.ts";
import type { Log } from "#runtime/log.ts";
import { createRegistry } from "#runtime/metrics.ts";
import { partitionOf } from "#protocol/notification.ts";
import { EventLog } from "./event-log.ts";
import { readEvents, type EventLine } from "./events.ts";

const ID = "6e8bc430-9c3a-41d9-9669-0800200c9a66";
const PARTITIONS = 4;

let away: boolean;
let records: Outgoing[];
let registry: ReturnType<typeof createRegistry>;
let log: EventLog;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
  away = false;
  records = [];
  registry = createRegistry("test");
});

afterEach(() => vi.useRealTimers());

async function started(maxBytes = 1 << 20): Promise<void> {
  const send = async (sent: Outgoing[]): Promise<number[]> => {
    await Promise.resolve();
    if (away) throw new Error("Kafka is away");
    records.push(...sent);
    return sent.map(() => 0);
  };
  const link = {
    sender: () => Promise.resolve({ send, close: () => Promise.resolve() }),
    partitions: () => Promise.resolve(PARTITIONS),
  };
  const quiet = { warn: () => {}, error: () => {} } as unknown as Log;
  const instance = "one";
  log = new EventLog({ service: "receiver", instance, link, topic: "events", maxBytes, registry, log: quiet });
  await log.start();
}

const record = (client: string): void => log.record("accepted", `acme/${client}`, ID, { publisher: "p", why: "all" });
const lines = (): EventLine[] => records.flatMap(({ value }) => readEvents(value));
const passes = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const metric = async (name: string): Promise<number> => (await registry.getSingleMetric(name)!.get()).values[0]!.value;

test("events of 200 ms share a record, on the partition of their client", async () => {
  await started();
  for (let count = 0; count < 3; count += 1) record("a");
  record("b");
  expect(records).toEqual([]);
  await passes(200);
  expect(lines()).toHaveLength(4);
  for (const { topic, partition, headers, value } of records) {
    expect([topic, headers]).toEqual(["events", { service: "receiver", instance: "one" }]);
    for (const [, , key] of readEvents(value)) expect(partitionOf(key, PARTITIONS)).toBe(partition);
  }
  expect(await metric("timeline_queued_bytes")).toBe(0);
});

test("many bytes do not wait for the time, and no record is too large for Kafka", async () => {
  await started(64 << 20);
  for (let count = 0; count < 5_000; count += 1) record("a");
  await passes(0);
  expect(records.length).toBeGreaterThan(1);
  await passes(1_000);
  expect(lines()).toHaveLength(5_000);
  expect(Math.max(...records.map(({ value }) => value.length))).toBeLessThan(300 << 10);
});

test("events over the bound are dropped and counted, and leave one gap before the next ones", async () => {
  await started(1_000);
  for (let count = 0; count < 50; count += 1) record("a");
  const dropped = await metric("timeline_events_dropped_total");
  expect(dropped).toBeGreaterThan(40);
  expect(log.queuedBytes).toBeLessThanOrEqual(1_000);
  await passes(200);
  const gaps = lines().filter(([, kind]) => kind === "gap");
  expect(gaps.map(([, , , , detail]) => detail)).toEqual([{ from: expect.any(Number) as number, count: dropped }]);
  expect(lines().length - gaps.length + dropped).toBe(50);
  // Written once.
  record("a");
  await passes(200);
  expect(lines().filter(([, kind]) => kind === "gap")).toHaveLength(1);
});

test("while Kafka is away events wait, and after a minute the oldest become a gap", async () => {
  await started();
  away = true;
  record("a");
  await passes(30_000);
  expect(await metric("timeline_events_dropped_total")).toBe(0);
  await passes(40_000);
  expect(await metric("timeline_events_dropped_total")).toBe(1);
  record("b");
  away = false;
  await passes(10_000);
  expect(lines().map(([, kind, key]) => [kind, key])).toEqual(
    expect.arrayContaining([
      ["gap", ""],
      ["accepted", "acme/b"],
    ]),
  );
  expect(lines()).toHaveLength(2);
});

test("an outage shorter than a minute loses nothing", async () => {
  await started();
  away = true;
  for (let count = 0; count < 10; count += 1) {
    record("a");
    await passes(1_000);
  }
  away = false;
  await passes(10_000);
  expect(lines()).toHaveLength(10);
  expect(await metric("timeline_events_dropped_total")).toBe(0);
});

test("the end of the process writes what waits", async () => {
  await started();
  record("a");
  await log.close();
  expect(lines()).toHaveLength(1);
});
