import { CommanderError } from "commander";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { printable } from "@saasaparilla/shared/runtime/printable.ts";
import { UsageError } from "./command.ts";
import { createProgram } from "./program.ts";

const FAILED = 1;
const WRONG_USE = 2;

/** Runs one command. An error is one line on stderr, and ends the process without waiting for pending retries. */
export async function run(name: string, args: readonly string[]): Promise<void> {
  // The reader of a pipe may leave before the end: `| head`.
  process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => process.exit(code === "EPIPE" ? 0 : FAILED));
  // An empty variable counts as not set, as for the services.
  for (const [variable, value] of Object.entries(process.env)) if (value === "") delete process.env[variable];
  try {
    await createProgram(name).parseAsync(withVerb(args), { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.code === "commander.help" ? WRONG_USE : error.exitCode;
      return;
    }
    process.stderr.write(`\n✗ ${printable(wordsOf(error))}\n`);
    if (process.env.DEBUG !== undefined && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exit(codeOf(error));
  }
}

/** These commands list if no verb is given. */
const LISTS = new Set(["tenant", "dead-letters", "quarantine"]);

function withVerb([command, ...rest]: readonly string[]): string[] {
  if (command === undefined) return [];
  const [first = "-"] = rest;
  const verbless = first.startsWith("-") && first !== "--help" && first !== "-h";
  return LISTS.has(command) && verbless ? [command, "list", ...rest] : [command, ...rest];
}

function wordsOf(error: unknown): string {
  if (!(error instanceof UsageError)) return messageOf(error);
  const { command, message } = error;
  const { path } = command;
  return `${message.replace(/([^.?])$/, "$1.")} Usage: ${path} ${command.usage()} (${path} --help)`;
}

/** explain-access uses 2 for access that is not allowed, so a wrong command line needs another code. */
function codeOf(error: unknown): number {
  return error instanceof UsageError && error.command.name() !== "explain-access" ? WRONG_USE : FAILED;
}
