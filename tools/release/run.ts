import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "#local/process/user-error.ts";

/** The output of a command. A failure has the output in its error. */
export function run(file: string, args: string[], cwd: string): string {
  try {
    return execFileSync(file, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new UserError(`${file} ${args[0] ?? ""} failed.`, `${stdout ?? ""}${stderr ?? String(error)}`, {
      cause: error,
    });
  }
}

/** pnpm, at the pinned version. */
export function packageManager(tree: string): string {
  const manifest = JSON.parse(readFileSync(join(tree, "package.json"), "utf8")) as { packageManager: string };
  return manifest.packageManager;
}
