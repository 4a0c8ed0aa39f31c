import { expect, test } from "vitest";
import { occurrencesOf } from "./occurrences.ts";

const due = (span: Partial<Parameters<typeof occurrencesOf>[0]>): (number | string)[] =>
  occurrencesOf({ possible: 10, first: 14, end: 18, removed: 21, ...span }, 2).map(({ at, due: must }) =>
    must ? at : `${at}?`,
  );

test("occurrences from the first timer to the end of the load must come; those around them may", () => {
  expect(due({})).toEqual(["10?", "12?", 14, 16, 18, "20?"]);
});

test("the first timer and the end count, also if an occurrence is exactly then", () => {
  expect(due({ first: 10 })).toEqual([10, 12, 14, 16, 18, "20?"]);
  expect(due({ end: 17 })).toEqual(["10?", "12?", 14, 16, "18?", "20?"]);
  expect(due({ removed: 18 })).toEqual(["10?", "12?", 14, 16, 18]);
  expect(due({ removed: 20 })).toEqual(["10?", "12?", 14, 16, 18, "20?"]);
});
