import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE_MS = 20_000;

/** The processes that were started here, each with its log; the last one ends first. */
export class Processes {
  readonly #logs: string;
  readonly #running: { name: string; child: ChildProcess }[] = [];

  constructor(logs: string) {
    this.#logs = logs;
  }

  start(name: string, file: string, args: readonly string[], cwd: string): void {
    const log = openSync(join(this.#logs, `${name}.log`), "w");
    // A separate group, because Ctrl-C is for the test, which then ends these in order.
    const child = spawn(file, args, { cwd, stdio: ["ignore", log, log], detached: true });
    closeSync(log);
    child.on("error", () => {});
    this.#running.push({ name, child });
  }

  /** Throws if one has ended unexpectedly. */
  check(): void {
    const gone = this.#running.find(
      ({ child }) => child.exitCode !== null || child.signalCode !== null || child.pid === undefined,
    );
    if (!gone) return;
    const said = readFileSync(join(this.#logs, `${gone.name}.log`), "utf8")
      .split("\n")
      .slice(-8)
      .join("\n");
    throw new Error(`${gone.name} has ended:\n${said}`);
  }

  async end(name?: string): Promise<void> {
    const ending = this.#running.filter((one) => name === undefined || one.name === name).toReversed();
    for (const { child } of ending) {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      if ((await Promise.race([ended, sleep(PATIENCE_MS, "late", { ref: false })])) === "late") child.kill("SIGKILL");
      await ended;
    }
    for (const one of ending) this.#running.splice(this.#running.indexOf(one), 1);
  }
}
