import type { Log } from "./log.ts";
import { messageOf } from "./errors.ts";

/**
 * Ordered shutdown: resources are released last-in first-out, within a deadline. SIGTERM, SIGINT and a fatal error
 * start it. After a fatal error the exit code is 1, and a supervisor restarts the process.
 */
export class Lifecycle {
  readonly #releases: { name: string; release: () => Promise<void> | void }[] = [];
  readonly #log: Log;
  readonly #deadlineMs: number;
  #ending: Promise<void> | undefined;

  constructor(log: Log, deadlineMs: number) {
    this.#log = log;
    this.#deadlineMs = deadlineMs;
    process.once("SIGTERM", () => this.end("SIGTERM", 0));
    process.once("SIGINT", () => this.end("SIGINT", 0));
    process.on("uncaughtException", (error) => this.fatal(error));
    process.on("unhandledRejection", (error) => this.fatal(error));
  }

  get ending(): boolean {
    return this.#ending !== undefined;
  }

  onEnd(name: string, release: () => Promise<void> | void): void {
    this.#releases.push({ name, release });
  }

  fatal(error: unknown): void {
    this.#log.fatal({ err: error }, `fatal: ${messageOf(error)}`);
    this.end("fatal", 1);
  }

  end(reason: string, code: number): void {
    this.#ending ??= this.#end(reason, code);
  }

  async #end(reason: string, code: number): Promise<void> {
    this.#log.info({ reason }, "ending");
    const deadline = setTimeout(() => {
      try {
        this.#log.error({ deadlineMs: this.#deadlineMs }, "shutdown took too long");
      } finally {
        process.exit(1);
      }
    }, this.#deadlineMs);
    for (const { name, release } of this.#releases.toReversed()) {
      try {
        await release();
      } catch (error) {
        this.#log.error({ err: error, name }, "a release failed");
      }
    }
    clearTimeout(deadline);
    this.#log.info("ended");
    process.exit(code);
  }
}
