import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { basename } from "node:path";
import { ending, logFile } from "./processes.ts";
import { UserError } from "./user-error.ts";

type Options = {
  log: string;
  fix: string;
  env?: NodeJS.ProcessEnv;
  uid?: number | undefined;
  gid?: number | undefined;
};

/** Runs a tool to its end with its output in a log. If it fails, the error has the end of the log and a fix. */
export async function runTool(file: string, args: string[], { log, fix, env, uid, gid }: Options): Promise<void> {
  const output = openSync(logFile(log), "w", 0o600);
  const child = spawn(file, args, {
    stdio: ["ignore", output, output],
    ...(env && { env }),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  });
  const code = await new Promise<number | string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (status, signal) => resolve(status ?? signal ?? "ended"));
  }).finally(() => closeSync(output));
  if (code !== 0) throw new UserError(`${basename(file)} failed (${code}).`, `${fix}\n${ending(log)}`);
}

/** The output of a tool, or undefined if the tool is missing or fails. */
export async function ask(
  file: string,
  args: string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  const child = spawn(file, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  const worked = await new Promise<boolean>((resolve) => {
    child.once("error", () => resolve(false));
    child.once("close", (status) => resolve(status === 0));
  });
  return worked ? printed : undefined;
}
