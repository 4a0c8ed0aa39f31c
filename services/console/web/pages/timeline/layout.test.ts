import { expect, test } from "vitest";
import type { TimelineEvent } from "#api/notifications.ts";
import { layoutOf } from "./layout.ts";

const START = Date.parse("2026-11-27T12:00:00Z");
const event = (service: string, ms: number): TimelineEvent => ({
  at: new Date(START + ms).toISOString(),
  service,
  instance: `${service}-0`,
  kind: "held",
  detail: {},
  sentence: "",
});
const time = (ms: number): string => new Date(START + ms).toISOString();

test("lanes follow the way of a notification, and unknown services come last", () => {
  const { lanes } = layoutOf([event("zebra", 0), event("courier", 1), event("receiver", 2)], []);
  expect(lanes.map(({ name }) => name)).toEqual(["receiver", "courier", "zebra"]);
});

test("each event is right of the one before it, and a longer wait is wider, up to a bound", () => {
  const { marks } = layoutOf(
    [0, 0, 10, 86_400_000, 864_000_000].map((ms) => event("director", ms)),
    [],
  );
  const steps = marks.slice(1).map(({ x }, index) => x - marks[index]!.x);
  expect(steps.every((step) => step > 24)).toBe(true);
  expect(steps[1]).toBeGreaterThan(steps[0]!);
  expect(steps[2]).toBeGreaterThan(steps[1]!);
  expect(steps[3]).toBeCloseTo(steps[2]!);
});

test("events with times that go back, because clocks differ, stay in their order", () => {
  const { marks } = layoutOf([event("receiver", 100), event("director", 0)], []);
  expect(marks[1]!.x).toBeGreaterThan(marks[0]!.x);
});

test("a gap stands between the events around it, in the lane of its service", () => {
  const events = [event("receiver", 0), event("director", 10_000)];
  const gap = { service: "director", instance: "director-0", from: time(2_000), to: time(8_000), count: 3 };
  const { marks, gaps, lanes } = layoutOf(events, [gap]);
  expect(gaps[0]!.x).toBeGreaterThan(marks[0]!.x);
  expect(gaps[0]!.x + gaps[0]!.width).toBeLessThan(marks[1]!.x);
  expect(gaps[0]!.y).toBe(lanes.find(({ name }) => name === "director")!.y);
});

test("a gap after the last event, and of a service without an event, is inside of the picture", () => {
  const gap = { service: "courier", instance: "courier-0", from: time(50_000), to: time(90_000), count: 1 };
  const { gaps, width, lanes } = layoutOf([event("receiver", 0)], [gap]);
  expect(lanes.map(({ name }) => name)).toEqual(["receiver", "courier"]);
  expect(gaps[0]!.x + gaps[0]!.width).toBeLessThanOrEqual(width);
});
