import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { repository } from "#local/process/paths.ts";

test("each changeset names a package that is released", () => {
  const files = globSync(".changeset/*.md", { cwd: repository }).filter((path) => !path.endsWith("README.md"));
  expect(files.length).toBeGreaterThan(0);
  const { name } = JSON.parse(readFileSync(`${repository}/client/package.json`, "utf8")) as { name: string };
  const named = files.map((path) => [
    path,
    /^---\n"([^"]+)": /.exec(readFileSync(`${repository}/${path}`, "utf8"))?.[1],
  ]);
  expect(named).toEqual(files.map((path) => [path, name]));
});
