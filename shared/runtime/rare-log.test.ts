import { expect, test } from "vitest";
import { RareLog } from "./rare-log.ts";

test("the first line is written at once, then one a minute with the count of those left out", () => {
  let now = 0;
  const rareLog = new RareLog(() => now);
  const written: number[] = [];
  for (now of [0, 1, 59_999, 60_000, 119_999, 180_000]) rareLog.say((silent) => written.push(silent));
  expect(written).toEqual([0, 2, 1]);
});
