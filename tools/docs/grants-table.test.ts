import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { grantsDocument } from "./grants-table.ts";
import { repository } from "#local/process/paths.ts";

test("docs/reference/grants.md matches shared/store-grants/grants.ts: npx just grants", () => {
  expect(readFileSync(join(repository, "docs/reference/grants.md"), "utf8")).toBe(grantsDocument());
});
