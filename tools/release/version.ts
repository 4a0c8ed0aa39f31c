import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "#local/process/paths.ts";
import { UserError } from "#local/process/user-error.ts";
import { packageManager, run } from "./run.ts";

/** Files with the one version of the whole platform. changesets writes the library's own. */
const HOLDERS = [
  "package.json",
  "{shared,pulumi}/package.json",
  "services/*/package.json",
  "charts/*/Chart.yaml",
  "compose/compose.yaml",
  "docs/operations/deploy.md",
  "tests/chart/golden/*.yaml",
];

/** The head of the platform's changelog. Entries of the library's package do not mention our files. */
const HEAD = `# Changelog

The files in [.changeset](.changeset) describe what the next release changes. \`npx just release\` moves them here.
`;

/** Writes the next version, and the changelog, into the tree. */
export function nextVersion(tree: string): string {
  const before = versionOf(tree);
  const pending = globSync(".changeset/*.md", { cwd: tree });
  if (pending.length === 0)
    throw new UserError("No changeset is pending: there is nothing to release.", "Say what changed by: npx changeset");
  const [ours, theirs] = [join(tree, "CHANGELOG.md"), join(tree, "client/CHANGELOG.md")];
  // The platform has one changelog; changesets has one for each package.
  if (existsSync(ours)) writeFileSync(theirs, readFileSync(ours, "utf8").replace(HEAD, "# Changelog\n"));
  // changesets asks pnpm for the packages of the workspace.
  run("npx", ["-y", "--package", packageManager(tree), "--", changeset, "version"], tree);
  const version = versionOf(tree);
  const text = readFileSync(theirs, "utf8").replace(/^# .*\n/, "# Changelog\n");
  writeFileSync(ours, text.replace("# Changelog\n", HEAD));
  writeFileSync(theirs, text);
  for (const file of globSync(HOLDERS, { cwd: tree })) replace(join(tree, file), before, version);
  return version;
}

const changeset = join(repository, "node_modules/.bin/changeset");

function versionOf(tree: string): string {
  const manifest = JSON.parse(readFileSync(join(tree, "client/package.json"), "utf8")) as { version: string };
  return manifest.version;
}

function replace(file: string, before: string, after: string): void {
  const escaped = before.replaceAll(".", "\\.");
  const whole = new RegExp(`(?<![\\d.])${escaped}(?![\\d.])`, "g");
  const text = readFileSync(file, "utf8");
  if (!whole.test(text)) throw new UserError(`${file} does not have the version ${before}.`, "Write it there.");
  writeFileSync(file, text.replace(whole, after));
}
