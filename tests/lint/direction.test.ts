import { spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fixtures } from "./fixtures.ts";

/**
 * The rules are tested, not trusted: a linter that reads no files, or has lost its types, passes everything. The real
 * configuration runs over a tree of fixtures; its report must match their marks exactly.
 */
interface Report {
  number_of_files: number;
  diagnostics: { code: string; filename: string; labels: { span: { line: number } }[] }[];
}

const root = join(import.meta.dirname, "../..");
let tree: string;
let whole: { code: number; report: Report };

beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), "direction-"));
  for (const name of [".oxlintrc.json", "tsconfig.json"]) await copyFile(join(root, name), join(tree, name));
  await symlink(join(root, "node_modules"), join(tree, "node_modules"));
  await mkdir(join(tree, "shared"));
  await copyFile(join(root, "shared/package.json"), join(tree, "shared/package.json"));
  for (const [path, source] of Object.entries(fixtures)) {
    await mkdir(join(tree, dirname(path)), { recursive: true });
    await writeFile(join(tree, path), source);
  }
  whole = await lint(".");
});

afterAll(() => rm(tree, { recursive: true, force: true }));

test("the linter reads every fixture and refuses the tree", () => {
  expect(whole.report.number_of_files).toBe(Object.keys(fixtures).length);
  expect(whole.code).toBe(1);
});

test.for(Object.entries(fixtures))("%s is reported at its marks, and nowhere else", ([path, source]) => {
  expect(reportedIn(path)).toEqual(markedIn(source));
});

test("a fixture without violations passes", async () => {
  const sound = Object.keys(fixtures).filter((path) => markedIn(fixtures[path]!).length === 0);
  const { code, report } = await lint(...sound);
  expect(report).toMatchObject({ number_of_files: sound.length, diagnostics: [] });
  expect(code).toBe(0);
});

async function lint(...paths: string[]): Promise<{ code: number; report: Report }> {
  const oxlint = spawn(process.execPath, [join(root, "node_modules/oxlint/bin/oxlint"), "--format=json", ...paths], {
    cwd: tree,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number>((resolve) => oxlint.once("close", (code) => resolve(code ?? -1)));
  const report = JSON.parse(await text(oxlint.stdout)) as Report;
  return { code: await ended, report };
}

/** `line rule`, sorted. */
function reportedIn(path: string): string[] {
  return whole.report.diagnostics
    .filter(({ filename }) => filename === path)
    .map(({ code, labels }) => `${labels[0]?.span.line} ${/\((.*)\)/.exec(code)?.[1]}`)
    .toSorted();
}

function markedIn(source: string): string[] {
  return source
    .split("\n")
    .flatMap((line, index) => (line.split("//! ")[1]?.split(" ") ?? []).map((rule) => `${index + 1} ${rule}`))
    .toSorted();
}
