import { printableLines } from "@saasaparilla/shared/runtime/printable.ts";

/** What a user can do something about: what is wrong, and how to fix it, in one line. It is shown without a stack trace. */
export class UserError extends Error {
  override readonly name = "Trouble";

  constructor(wrong: string, fix: string, options?: ErrorOptions) {
    super(`${wrong} ${fix}`, options);
  }
}

/** What went wrong, in words: several failures at once, and one that wraps another with no words of its own, included. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join("\n✗ ");
  if (!(error instanceof Error)) return String(error);
  // fetch says "fetch failed", and why only in the cause.
  return error instanceof TypeError && error.cause !== undefined ? reasonOf(error.cause) : error.message || error.name;
}

/** Runs a command's main function. Any error ends in one line and exit code 1. With `usage`, `--help` prints it. */
export async function command(main: () => Promise<void>, usage?: string): Promise<void> {
  if (usage !== undefined && process.argv.slice(2).some((arg) => arg === "--help" || arg === "-h")) {
    process.stdout.write(`${usage}\n`);
    return;
  }
  try {
    await main();
  } catch (error) {
    process.stderr.write(`\n✗ ${printableLines(reasonOf(error))}\n`);
    // Somebody at work on this stack wants to know where; somebody who uses it does not.
    if (process.env.DEBUG !== undefined && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    // What goes on trying is not waited for.
    process.exit(1);
  }
}
