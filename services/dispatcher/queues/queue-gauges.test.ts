import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { expect, test } from "vitest";
import { QueueGauges } from "./queue-gauges.ts";

test("the gauges show the highest of a round, and stay while Postgres is away", async () => {
  const asked: string[] = [];
  const pages = [
    { last: "m", messages: 5, seconds: 90 },
    { last: undefined, messages: 7, seconds: 3 },
    new Error("away"),
    { last: undefined, messages: 1, seconds: 1 },
  ];
  let read: Record<string, () => number> = {};
  let failures = 0;
  const gauges = new QueueGauges({
    async depths(after) {
      asked.push(after);
      const page = pages.shift()!;
      if (page instanceof Error) throw page;
      return page;
    },
    metrics: { watch: (readers) => void (read = readers as typeof read), failed: () => void (failures += 1) },
    log: createLog("test", "fatal"),
  });
  const shown = () => [read.queueMessages!(), read.queueSeconds!()];
  await gauges.look();
  expect(shown()).toEqual([0, 0]);
  await gauges.look();
  expect(shown()).toEqual([7, 90]);
  await gauges.look();
  expect([shown(), failures]).toEqual([[7, 90], 1]);
  await gauges.look();
  expect([shown(), asked]).toEqual([
    [1, 1],
    ["", "m", "", ""],
  ]);
});
