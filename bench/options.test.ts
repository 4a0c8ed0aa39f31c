import { resolve } from "node:path";
import { expect, test } from "vitest";
import { readOptions, WrongOptions } from "./options.ts";

const KNOWN = {
  works: ["saturation", "idle SSE", "idle poll"],
  large: ["two of each", "10M lanes"],
  once: ["10M lanes"],
};
const read = (...args: string[]) => readOptions(args, KNOWN);
const HERE = resolve(import.meta.dirname, "..");

test("names select an exact match, or partial matches; none selects all", () => {
  expect(read()).toMatchObject({ works: KNOWN.works, runs: 3, seconds: 8 });
  expect(read("idle", "two of each").works).toEqual(["idle SSE", "idle poll", "two of each"]);
  const known = { works: ["connects", "connects, RS256"], large: [], once: [] };
  expect(readOptions(["connects"], known).works).toEqual(["connects"]);
});

test("alternating runs are eight", () => {
  expect(read("saturation", "--against", HERE)).toMatchObject({ runs: 8, against: HERE });
  expect(read("saturation", "--beside", "two of each")).toMatchObject({ runs: 8, beside: "two of each" });
});

test.each([
  [["--nonsense"], "--nonsense"],
  [["--runs", "0"], '--runs is "0". Give a whole number of at least 1.'],
  [["--runs", "2.5"], '--runs is "2.5"'],
  [["--seconds", "soon"], '--seconds is "soon"'],
  [["--seconds", "Infinity"], '--seconds is "Infinity"'],
  [["saturation", "idel"], 'There is no benchmark "idel"'],
  [["saturation", "--beside", "10M lanes"], "10M lanes cannot run in turns"],
  [["saturation", "--beside", "two of each", "--profile"], "--profile does not work in turns"],
  [["nothing"], 'There is no benchmark "nothing". Choose from:\n  saturation\n'],
  [["--against", "/nowhere"], '--against is "/nowhere", which is no checkout of this project.'],
  [["--services", "/nowhere"], '--services is "/nowhere"'],
  [["--against", HERE, "--quick"], "--quick measures nothing"],
  [["--against", HERE, "--beside", "two of each"], "Pass either --against or --beside"],
  [["10M lanes", "--against", HERE], "10M lanes cannot run in turns"],
  [["saturation", "--beside", "nothing"], 'There is no benchmark "nothing"'],
  [["idle", "--beside", "saturation"], "--beside is for one benchmark, not 2: idle SSE; idle poll."],
  [["saturation", "--beside", "saturation"], "saturation beside itself"],
])("%j is refused: %s", (args, message) => {
  expect(() => read(...args)).toThrow(WrongOptions);
  expect(() => read(...args)).toThrow(message);
});
