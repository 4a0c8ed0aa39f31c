import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { local, repository } from "#local/process/paths.ts";

/** The earlier commit: the last release, or else the parent of the commit that raised the format. */
export function earlier(): string {
  const tag = git(["tag", "--list", "v*", "--sort=-v:refname", "--merged", "HEAD"]).split("\n")[0];
  if (tag) return tag;
  const file = "shared/protocol/format.ts";
  const raised = git(["log", "-1", "--format=%H", "-G", "^export const FORMAT = ", "--", file]);
  if (raised === "") throw new Error(`No commit has ${file} yet. Name the earlier commit with --from.`);
  return `${raised}^`;
}

/** Creates a worktree of this commit with its own packages, and keeps it for the next run. */
export function checkoutOf(reference: string): { folder: string; commit: string } {
  const commit = git(["rev-parse", "--verify", `${reference}^{commit}`]);
  const folder = join(local, "checkouts", commit.slice(0, 12));
  git(["worktree", "prune"]);
  if (!existsSync(folder)) git(["worktree", "add", "--detach", folder, commit]);
  execFileSync(process.execPath, [join(folder, "local/bootstrap.mjs"), "packages"], { stdio: "inherit" });
  return { folder, commit };
}

function git(args: string[]): string {
  return execFileSync("git", args, { cwd: repository, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
}
