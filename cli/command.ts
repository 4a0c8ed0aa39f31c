import { Command } from "commander";

/** A wrong command line. Nothing was sent. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly command: CliCommand;

  constructor(message: string, command: CliCommand) {
    super(message);
    this.command = command;
  }
}

/** A failure that a user can fix. The message names the problem and the fix, and is printed without a stack trace. */
export class CliError extends Error {
  override readonly name = "CliError";
}

/** A command that throws its errors, and has examples in its help. */
export class CliCommand extends Command {
  constructor(name?: string) {
    super(name);
    this.exitOverride();
    this.helpOption("-h, --help", "print this help");
  }

  override createCommand(name?: string): CliCommand {
    return new CliCommand(name);
  }

  /** The library calls this for each mistake. */
  override error(message: string): never {
    throw new UsageError(message.replace(/^error: /, "").replace(/\n(\(Did you mean .*\))$/, " $1"), this);
  }

  /** Command lines without the program's name, which differs between a checkout and the image. */
  examples(...lines: string[]): this {
    return this.addHelpText("after", () =>
      ["", "Examples:", ...lines.map((line) => `  ${this.program} ${line}`)].join("\n"),
    );
  }

  /** The command as a user types it: `npx just tenant add`. */
  get path(): string {
    return [...this.#parents().map((parent) => parent.name()), this.name()].join(" ");
  }

  /** The program's name. */
  get program(): string {
    return (this.#parents()[0] ?? this).name();
  }

  #parents(): CliCommand[] {
    const parent = this.parent as CliCommand | null;
    return parent === null ? [] : [...parent.#parents(), parent];
  }
}
