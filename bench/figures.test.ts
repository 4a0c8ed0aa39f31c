import { expect, test } from "vitest";
import { comparison, table, type Figure } from "./figures.ts";

const figure = (work: string, name: string, runs: number[], more: Partial<Figure> = {}): Figure => ({
  work,
  name,
  unit: "ms",
  better: "lower",
  runs,
  ...more,
});

test("a table has a heading for each work, no noughts, and says which aim was missed", () => {
  const figures = [
    figure("one", "a", [3, 1, 2], { aim: 1 }),
    figure("two", "b", [5, 5], { aim: 5 }),
    figure("one", "nothing", [0, 0]),
    figure("three", "nothing", [0]),
    figure("one", "c", [0, 4], { better: "higher", aim: 2 }),
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
  ]);
});

test("a change counts where the ranges of the runs do not touch, and by which way is better", () => {
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
