import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { metricsDocument } from "./metrics-table.ts";
import { problemsDocument } from "./problems-table.ts";

const repository = resolve(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(repository, path), "utf8");
const found = (pattern: RegExp, text: string): string[] => Array.from(text.matchAll(pattern), ([, name]) => name!);
const sources = globSync("{services,shared}/**/*.ts", { cwd: repository }).filter(
  (path) => !/node_modules|\.test\.ts$/.test(path),
);

test("the problems page matches the table of problem types; else: npx just problems", () => {
  expect(read("docs/reference/problems.md")).toBe(problemsDocument());
});

test("the metrics page lists exactly the services' series", () => {
  const named = sources.flatMap((path) =>
    found(/(?:\b(?:counter|gauge|histogram|counts|tally)\(\s*|\bname: (?="[a-z_]+",\s*help:))"([a-z_]+)"/g, read(path)),
  );
  expect(named.length).toBeGreaterThan(60);
  const listed = found(/^\| `([a-z_]+)` \|/gm, read("docs/reference/metrics.md"));
  expect(new Set(listed)).toEqual(new Set(named));
});

test("the metrics page matches the code, the alerts and the dashboards; else: npx just metrics", async () => {
  expect(read("docs/reference/metrics.md")).toBe(await metricsDocument());
});

test("every recipe that a document names exists", () => {
  const recipes = new Set(found(/^([a-z][a-z-]*)(?: [^:\n]*)?:(?!=)/gm, read("justfile")));
  const documents = globSync(["*.md", "{docs,client,charts}/**/*.md"], { cwd: repository });
  const named = documents.flatMap((path) =>
    found(/npx just ([a-z][a-z-]*)/g, read(path)).map((recipe) => ({ path, recipe })),
  );
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter(({ recipe }) => !recipes.has(recipe))).toEqual([]);
});
