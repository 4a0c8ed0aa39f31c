import { expect, test } from "vitest";
import { blocksOf, sentencesOf } from "./markdown.ts";
import { readability } from "./readability.ts";

const words = (count: number): string => `Begin ${"word ".repeat(count - 1).trim()}.`;

test("wrapped lines are one sentence, and each list item another", () => {
  const blocks = blocksOf("One\ntwo. Three.\n\n- four\n  five\n- six\n");
  expect(blocks.flatMap(sentencesOf).map(({ line, text }) => [line, text])).toEqual([
    [1, "One two."],
    [1, "Three."],
    [4, "four five"],
    [6, "six"],
  ]);
});

test("code, comments, headings and table rules do not count as prose", () => {
  const text = "# Head\n\n```sh\nnot this\n```\n\n<!-- nor\nthis -->\n\n| a | b |\n| --- | --- |\n";
  expect(blocksOf(text).map(({ kind, text: cell }) => [kind, cell])).toEqual([
    ["cell", "a"],
    ["cell", "b"],
  ]);
});

test("a code span is one word, and a link's address is none", () => {
  const [sentence] = sentencesOf({
    kind: "prose",
    line: 1,
    text: "Run `npx just up --all` as [this page](a/b.md) says.",
  });
  expect(sentence?.words).toBe(6);
});

test("a version and an abbreviated number do not end a sentence", () => {
  expect(sentencesOf({ kind: "prose", line: 1, text: "It needs 22.18 or later. Then it runs." })).toHaveLength(2);
});

test("a sentence over 30 words is long, one of 30 is not; cells have a share of their own", () => {
  const measured = readability([`${words(30)} ${words(31)}\n\n| ${words(31)} | short |\n`]);
  expect(measured).toMatchObject({ longShare: 50, longCells: 50, median: 31 });
  expect(measured.longSentences.map(({ line }) => line)).toEqual([1, 3]);
});

test("you, your and yours count, even before punctuation", () => {
  expect(readability(["You see your house. Is it yours, you?"]).you).toBe(500);
});
