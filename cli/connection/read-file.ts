import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { CliError } from "#cli/command.ts";

/** Reads an option's file; `-` is stdin. The shell's history and the process list would show an argument. */
export async function readGiven(option: string, path: string): Promise<string> {
  try {
    return (path === "-" ? await text(process.stdin) : await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new CliError(`${option}: ${messageOf(error)}. Name a file that you may read, or - for stdin.`, {
      cause: error,
    });
  }
}
