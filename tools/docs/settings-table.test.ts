import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { consoleSettings } from "#services/console/settings.ts";
import { directorSettings } from "#services/director/settings.ts";
import { distributorSettings } from "#services/distributor/settings.ts";
import { settings as provisionSettings } from "#services/provision/settings.ts";
import { settings as receiverSettings } from "#services/receiver/settings.ts";
import { repository } from "#local/process/paths.ts";
import { settingsDocument } from "./settings-table.ts";

const document = settingsDocument();

test("docs/reference/settings.md matches the schemas; else: npx just settings", () => {
  expect(readFileSync(join(repository, "docs/reference/settings.md"), "utf8")).toBe(document);
});

test("every setting of every service is in it, with its meaning", () => {
  const schemas = [consoleSettings, directorSettings, distributorSettings, provisionSettings, receiverSettings];
  const names = new Set(schemas.flatMap(({ shape }) => Object.keys(shape)));
  expect([...names].filter((name) => !document.includes(`\n| \`${name}\` | `))).toEqual([]);
});
