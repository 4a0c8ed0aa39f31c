/** What a user can do something about: what is wrong, and how to fix it, in one line. It is shown without a stack trace. */
export class Trouble extends Error {
  override readonly name = "Trouble";

  constructor(wrong: string, fix: string, options?: ErrorOptions) {
    super(`${wrong} ${fix}`, options);
  }
}

/** Runs a command's main function; whatever goes wrong ends in one line and exit code 1. */
export async function command(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`\n✗ ${message}\n`);
    // Somebody at work on this stack wants to know where; somebody who uses it does not.
    if (process.env.DEBUG !== undefined && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
  }
}
