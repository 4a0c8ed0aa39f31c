import { expect, test } from "vitest";
import { comparison, pairs, table, type Figure } from "./figures.ts";

const figure = (work: string, name: string, runs: number[], more: Partial<Figure> = {}): Figure => ({
  work,
  name,
  unit: "ms",
  better: "lower",
  runs,
  ...more,
});

test("a table has a heading for each scenario, no zeros, and the missed targets", () => {
  const figures = [
    figure("one", "a", [3, 1, 2], { aim: 1 }),
    figure("two", "b", [5, 5], { aim: 5 }),
    figure("one", "nothing", [0, 0]),
    figure("three", "nothing", [0]),
    figure("one", "c", [0, 4], { better: "higher", aim: 2 }),
    figure("two", "quick", [9], { aim: 1, quick: true }),
  ];
  expect(
    table(figures)
      .split("\n")
      .map((line) => line.trimEnd().replaceAll(/ +/g, " ")),
  ).toEqual([
    " median min max runs unit aim",
    "one",
    " a 2 1 3 3 ms <= 1 missed",
    " c 2 0 4 2 ms >= 2",
    "two",
    " b 5 5 5 2 ms <= 5",
    " quick 9 9 9 1 ms",
  ]);
});

test("a change counts if the runs' ranges do not overlap, in the metric's better direction", () => {
  const before = [figure("one", "a", [10, 12]), figure("one", "b", [10, 12]), figure("one", "c", [10, 12])];
  const after = [
    figure("one", "a", [12, 14]),
    figure("one", "b", [13, 14]),
    figure("one", "c", [13, 14], { better: "higher" }),
    figure("one", "new", [1]),
  ];
  const verdicts = comparison(before, after)
    .split("\n")
    .slice(1)
    .map((line) => /(within noise|WORSE|better)$/.exec(line)?.[0]);
  expect(verdicts).toEqual(["within noise", "WORSE", "better"]);
});

test("alternating runs are compared in pairs: common drift is no change, and a change needs agreement of all pairs", () => {
  const drift = [10, 20, 15, 12, 18, 11];
  const by = (change: (value: number, index: number) => number): number[] => drift.map(change);
  const there = ["a", "b", "c", "d"].map((name) => figure("one", name, drift));
  const here = [
    figure(
      "one",
      "a",
      by((value) => value * 0.95),
    ),
    figure(
      "one",
      "b",
      by((value, index) => value * (index === 3 ? 0.9 : 1.1)),
    ),
    figure(
      "one",
      "c",
      by((value) => value * 1.01),
    ),
    figure(
      "one",
      "d",
      by((value) => value * 0.99),
      { better: "higher" },
    ),
  ];
  const verdicts = pairs(there, here)
    .split("\n")
    .slice(1)
    .map((line) => /\d of \d +(within noise|WORSE|better)$/.exec(line)?.[0].replaceAll(/ +/g, " "));
  expect(verdicts).toEqual(["6 of 6 better", "1 of 6 within noise", "0 of 6 WORSE", "0 of 6 WORSE"]);
});
