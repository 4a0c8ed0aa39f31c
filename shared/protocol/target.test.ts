import { expect, test } from "vitest";
import type { Target } from "./publication.ts";
import { targetName } from "./target.ts";

test.for<[Target, string | undefined]>([
  [{ client: "u1" }, undefined],
  [{ clients: ["u1", "u2"] }, undefined],
  [{ queue: "changes" }, "queue/changes"],
  [{ group: "team-a" }, "group/team-a"],
  [{ exchange: "orders", key: "de" }, "exchange/orders"],
])("the target of %j has the name %j", ([to, name]) => {
  expect(targetName(to)).toBe(name);
});
