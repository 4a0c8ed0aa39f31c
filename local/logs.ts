import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { printable } from "@saasaparilla/shared/runtime/printable.ts";
import { onCallerGone } from "#local/process/callers.ts";
import { logFile } from "#local/process/processes.ts";
import { paths } from "#local/process/paths.ts";
import { command, UserError } from "#local/process/user-error.ts";

/** `just logs [NAME]`: follows logs, which contain text from strangers. */
await command(async () => {
  const [name, ...more] = process.argv.slice(2);
  const names = readdirSync(paths.logs)
    .filter((file) => file.endsWith(".log"))
    .map((file) => file.slice(0, -".log".length));
  const wanted = name === undefined ? names : names.filter((one) => one === name);
  if (wanted.length === 0 || more.length > 0)
    throw new UserError(
      name === undefined ? "There are no logs yet." : `There is no log ${JSON.stringify([name, ...more].join(" "))}.`,
      name === undefined ? "Start the stack: npx just up" : `There are: ${names.join(", ")}.`,
    );
  const tail = spawn("tail", ["-n", "20", "-F", ...wanted.map(logFile)], { stdio: ["ignore", "pipe", "ignore"] });
  createInterface(tail.stdout).on("line", (line) => process.stdout.write(`${printable(line)}\n`));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => tail.kill());
  onCallerGone(() => tail.kill());
  await new Promise((done, failed) => tail.once("close", done).once("error", failed));
}, "Usage: npx just logs [NAME]");
