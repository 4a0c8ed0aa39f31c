import { topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { expect, test } from "vitest";
import { topicSpecs } from "#services/provision/topic-specs.ts";
import { dataOf } from "#bench/load/load-publisher.ts";
import type { Figure } from "#bench/results/figures.ts";
import { constantNames, MEASURED_PAYLOAD, readConstants, sources, valuesOf } from "./constants.ts";
import { readInput } from "./input.ts";
import { CARRIED_SECONDS } from "./stores.ts";

const figures: Figure[] = constantNames
  .flatMap((name) => sources[name].map(([work, figure]) => `${work}\n${figure}`))
  .filter((one, index, all) => all.indexOf(one) === index)
  .map((one, index) => {
    const [work = "", name = ""] = one.split("\n");
    return { work, name, unit: "", better: "lower", runs: [index + 3, index + 1, index + 2] };
  });
const runsOf = (work: string, name: string): number[] =>
  figures.find((figure) => figure.work === work && figure.name === name)!.runs;

test("each constant is the largest of its figures, with the spread of all of them", () => {
  const constants = readConstants(figures);
  expect(constants.map(({ name }) => name)).toEqual(constantNames);
  const live = constants.find(({ name }) => name === "director.live")!;
  const [most, , median] = runsOf("5,000/s to 10,000", "director");
  const [, least] = runsOf("saturation", "director");
  expect(live).toMatchObject({ median, min: least, max: most, from: "5,000/s to 10,000: director" });
  expect(valuesOf(constants, "max")["director.live"]).toBe(most);
});

test("a missing figure is named with the benchmark that measures it", () => {
  const without = figures.filter(({ work }) => work !== "at rest" && work !== "saturation");
  expect(() => readConstants(without)).toThrow('just bench "saturation" "at rest" --save');
});

test("a constant of --quick is marked", () => {
  const quick = readConstants(figures.map((figure) => ({ ...figure, quick: figure.work === "storing" })));
  expect(quick.filter((constant) => constant.quick).map(({ name }) => name)).toContain("postgres.row");
  expect(readConstants(figures).some((constant) => constant.quick)).toBe(false);
});

test("the plan's assumptions match the settings", () => {
  const specs = topicSpecs(topicsOf("n"), {
    ACCEPTED_PARTITIONS: 1,
    ROUTED_PARTITIONS: 1,
    DISPATCH_PARTITIONS: 1,
    REPLICAS: 1,
    MIN_INSYNC: 1,
  });
  const seconds = (topic: string, name: string): number =>
    Number(specs.find((spec) => spec.topic === `n.${topic}`)!.config[name]) / 1_000;
  const { input } = readInput(["--rate", "1", "--clients", "1"]);
  expect(input.retentionDays * 86_400).toBe(seconds("accepted", "retention.ms"));
  for (const topic of ["routed", "control"])
    expect(CARRIED_SECONDS).toBe(seconds(topic, "retention.ms") + seconds(topic, "segment.ms"));
  // During a measurement its numbers have some digits.
  expect(Math.abs(dataOf(100, 1e15).length - MEASURED_PAYLOAD)).toBeLessThan(10);
});
