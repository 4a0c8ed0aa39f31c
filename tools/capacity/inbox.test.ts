import { expect, test } from "vitest";
import { inboxCost, inboxRow } from "./inbox.ts";
import { readInput } from "./input.ts";
import { GIB } from "./line.ts";
import { LARGE, planned } from "./round-values.ts";

const { courier, postgres } = inboxCost;

test("inboxes cost couriers and Postgres, and no other service", () => {
  const without = planned(LARGE);
  expect(without).toMatchObject({ "Courier: busy": 0, "Courier: pods of one core": 3, "Courier: memory each": 100 });
  const filled = planned(`${LARGE} --inbox-rate 100000`);
  const more = (other: Record<string, number>, name: string): number => other[name]! - without[name]!;
  // Couriers read all of the million a second, and insert a tenth.
  expect(filled["Courier: busy"]).toBeCloseTo(courier.passed + courier.item / 10);
  expect(more(filled, "Postgres: busy")).toBeCloseTo(postgres.item / 10);
  expect(more(filled, "Postgres: log (WAL)")).toBeCloseTo(inboxRow.log / 10);
  for (const part of ["Receiver", "Director", "Distributor", "Dispatcher", "Kafka"])
    expect(more(filled, `${part}: busy`)).toBe(0);
  const used = planned(`${LARGE} --inbox-lists 1000 --inbox-marks 2000`);
  expect(used["Courier: busy"]).toBeCloseTo((courier.list + 2 * courier.mark) / 1_000);
  expect(more(used, "Postgres: busy")).toBeCloseTo((postgres.list + 2 * postgres.mark) / 1_000);
});

test("inboxes keep the given number of days, and at most 500 notifications of each client", () => {
  const rows = (flags: string): number => planned(`${LARGE} --inbox-rate 1000${flags}`)["Postgres: rows of inboxes"]!;
  expect(rows("")).toBe(1_000 * 30 * 86_400);
  expect(rows(" --inbox-days 7 --average 0.5")).toBe(500 * 7 * 86_400);
  expect(rows(" --clients 1000")).toBe(500_000);
  const disk = (flags: string): number => planned(`${LARGE} ${flags}`)["Postgres: disk of the primaries"]!;
  const bytes = 1_000 * 30 * 86_400 * (inboxRow.kept + 1_000);
  expect(disk("--payload 1200 --inbox-rate 1000") - disk("--payload 1200")).toBeCloseTo((bytes * 2) / GIB, 1);
});

test("the number of courier pods follows their work, and each holds its part of accepted", () => {
  const large = planned(`${LARGE} --inbox-rate 1000000`);
  const pods = Math.ceil((courier.passed + courier.item) * 2);
  expect(large["Courier: pods of one core"]).toBe(pods);
  expect(large["Courier: memory each"]).toBeCloseTo(100 + (512 / pods) * 16);
  expect(large["Postgres: connections of our pools"]).toBe((79 + 200 + 3 + pods) * 8 + 22);
});

test("more in inboxes than is published is refused", () => {
  expect(() => readInput("--rate 10 --clients 10 --members-per-second 5 --inbox-rate 16".split(" "))).toThrow(
    '--inbox-rate "16": is more than --rate and --members-per-second together',
  );
});
