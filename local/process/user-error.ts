import { printableLines } from "@saasaparilla/shared/runtime/printable.ts";

/** An error that a user can fix. It has the problem and the fix in one line, and is shown without a stack trace. */
export class UserError extends Error {
  override readonly name = "Trouble";

  constructor(wrong: string, fix: string, options?: ErrorOptions) {
    super(`${wrong} ${fix}`, options);
  }
}

/** The reason in words. It unwraps aggregate errors, and errors without their own text. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join("\n✗ ");
  if (!(error instanceof Error)) return String(error);
  // fetch says "fetch failed", and has the reason only in the cause.
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
    // Developers of this stack need the stack trace; its users do not.
    if (process.env.DEBUG !== undefined && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    // Background work that still retries must not keep the process alive.
    process.exit(1);
  }
}
