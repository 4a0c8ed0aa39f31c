import { expect, test } from "vitest";
import { samplesOf } from "./exposition.ts";
import { healthOf } from "./figure-routes.ts";
import type { Reading } from "./instances.ts";
import { quantileOf, Rates, SERIES } from "./rates.ts";

const reading = (instance: string, text: string): Reading => ({
  instance,
  samples: samplesOf(text, SERIES),
  ready: true,
  away: {},
});

test("the text of a service is read with its labels, and unknown lines are left out", () => {
  const text =
    '# HELP x y\nconnections{transport="sse",service="d"} 3\nother 1\nconnections{transport="a\\"b"} 1e3\nbad';
  expect(samplesOf(text, new Set(["connections"]))).toEqual([
    { name: "connections", labels: { transport: "sse", service: "d" }, value: 3 },
    { name: "connections", labels: { transport: 'a\\"b' }, value: 1_000 },
  ]);
});

test("a rate is the growth of all processes, also after a restart and with a new process", () => {
  const rates = new Rates();
  const accepted = (n: number): string => `notifications_accepted_total{service="receiver"} ${n}`;
  expect(rates.point([reading("a", accepted(100))], 0, 0).values.accepted).toBeUndefined();
  expect(rates.point([reading("a", accepted(150)), reading("b", accepted(9_000))], 5, 5).values.accepted).toBe(10);
  expect(rates.point([reading("a", accepted(20)), reading("b", accepted(9_030))], 10, 10).values.accepted).toBe(10);
});

test("only stored notifications count as stored", () => {
  const rates = new Rates();
  const settled = (stored: number, other: number): Reading =>
    reading(
      "a",
      `notifications_settled_total{how="stored"} ${stored}\nnotifications_settled_total{how="expired"} ${other}`,
    );
  rates.point([settled(0, 0)], 0, 0);
  expect(rates.point([settled(10, 50)], 5, 5).values.stored).toBe(2);
});

test("a quantile is linear inside its bucket, and unknown without an observation", () => {
  const buckets = new Map([
    [0.1, 50],
    [0.2, 90],
    [Infinity, 100],
  ]);
  expect(quantileOf(buckets, 0.5)).toBeCloseTo(0.1);
  expect(quantileOf(buckets, 0.7)).toBeCloseTo(0.15);
  expect(quantileOf(buckets, 0.99)).toBeCloseTo(0.2);
  expect(quantileOf(new Map([[0.1, 0]]), 0.5)).toBeUndefined();
});

test("a service that does not answer is unknown, and one that is not ready says why", () => {
  const text =
    'build_info{service="director",version="0.1.0"} 1\npartitions_owned{service="director"} 4\naccepted_lag 7';
  const director = { ...reading("d:1", text), ready: false, away: { postgres: "refused" } };
  const gone: Reading = { instance: "x:1", samples: undefined, ready: false, away: {} };
  expect(healthOf([director, gone], "2026-01-01T00:00:00Z")).toEqual({
    services: [
      {
        service: "director",
        instance: "d:1",
        version: "0.1.0",
        ready: false,
        away: ["postgres"],
        partitions: 4,
        lag: 7,
        lastError: { at: "2026-01-01T00:00:00Z", message: "postgres: refused" },
      },
    ],
    unknown: ["x:1"],
  });
});
