import { expect, test } from "vitest";
import { dispatcherSettings } from "#services/dispatcher/settings.ts";
import { LARGE, planned } from "./round-values.ts";

test("members of groups and messages of queues cost dispatchers, directors, Kafka and Postgres, and no receiver", () => {
  const without = planned(LARGE);
  expect(without).toMatchObject({ "Dispatcher: busy": 0, "Dispatcher: pods of one core": 3 });
  const groups = planned(`${LARGE} --members-per-second 100000`);
  const queues = planned(`${LARGE} --queue-rate 100000`);
  const more = (other: Record<string, number>, name: string): number => other[name]! - without[name]!;
  // 6, 14 and 24 us for a member; 10, 14 and 45 us for a message.
  expect(groups["Dispatcher: busy"]).toBeCloseTo(0.6);
  expect(more(groups, "Director: busy")).toBeCloseTo(1.4);
  expect(more(groups, "Postgres: busy")).toBeCloseTo(2.4);
  expect(queues["Dispatcher: busy"]).toBeCloseTo(1);
  expect(more(queues, "Director: busy")).toBeCloseTo(1.4);
  expect(more(queues, "Postgres: busy")).toBeCloseTo(4.5);
  // 1 busy core with half of it free needs 2 pods, and the zones need 3.
  const byRate = Math.ceil(100_000 / dispatcherSettings.shape.FANOUT_RATE.parse(undefined));
  expect(byRate).toBeGreaterThan(3);
  expect(groups["Dispatcher: pods of one core"]).toBe(byRate);
  expect(groups["Dispatcher: partitions of dispatch"]).toBe(4 * byRate);
  expect(queues["Dispatcher: pods of one core"]).toBe(3);
  // A tenth of the members is connected; 300 bytes of accepted, 500 of routed and control.
  expect(more(groups, "Kafka: appended")).toBeCloseTo(35);
  expect(more(queues, "Kafka: appended")).toBeCloseTo(30);
  expect(more(groups, "Postgres: rows inserted, and deleted again")).toBeCloseTo(90_000);
  expect(more(queues, "Postgres: rows inserted, and deleted again")).toBe(100_000);
  expect(more(queues, "Postgres: rows kept")).toBe(0);
  expect(more(queues, "Distributor: busy")).toBe(0);
  for (const other of [groups, queues]) expect(more(other, "Receiver: busy")).toBe(0);
});
