import { expect, test } from "vitest";
import { targetForbidden, unknownTarget, upgradeUnfinished } from "./item-problems.ts";

test.for([
  [targetForbidden, "target-forbidden", 403],
  [unknownTarget, "unknown-target", 422],
  [upgradeUnfinished, "upgrade-unfinished", 503],
] as const)("problem %# points to the wrong member of the item", ([problem, name, status]) => {
  expect(problem({ pointer: "/3", line: 4 }, "/to/queue")).toMatchObject({
    type: `/problems/${name}`,
    status,
    errors: [{ pointer: "/3/to/queue", line: 4 }],
  });
});
