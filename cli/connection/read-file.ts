import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { CliError } from "#cli/command.ts";

/** What an option's file says; `-` is stdin. An argument would stand in the shell's history and the list of processes. */
export async function readGiven(option: string, path: string): Promise<string> {
  try {
    return (path === "-" ? await text(process.stdin) : await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new CliError(`${option}: ${messageOf(error)}. Name a file that you may read, or - for stdin.`, {
      cause: error,
    });
  }
}
