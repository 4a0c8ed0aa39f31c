import { parseArgs, type ParseArgsConfig } from "node:util";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";

/** `parseArgs` of Node. `--help` prints the usage. A wrong option also prints it, and ends the process with code 2. */
export function parseOptions<T extends ParseArgsConfig>(usage: string, config: T): ReturnType<typeof parseArgs<T>> {
  if (process.argv.slice(2).some((arg) => arg === "--help" || arg === "-h")) {
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    process.stderr.write(`✗ ${messageOf(error).split(". ")[0]}.\n${usage}\n`);
    process.exit(2);
  }
}
