import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { check } from "#tests/faults/check.ts";
import type { Verdict } from "#tests/faults/verdict.ts";
import { History } from "#tests/faults/history.ts";
import { Load, type LoadOptions } from "#tests/faults/load.ts";
import { noteStored } from "#tests/faults/stored-notes.ts";
import type { Release } from "./release.ts";

const PATIENCE_MS = 120_000;

/** A load on the release, its history, and the checker's verdict at the end. */
export class Traffic {
  readonly history: History;
  readonly #load: Load;
  readonly #pool: pg.Pool;
  readonly #noting: { stop(): Promise<void> };

  private constructor(load: Load, history: History, release: Release) {
    this.#load = load;
    this.history = history;
    this.#pool = new pg.Pool({ connectionString: release.database, max: 1 });
    // Postgres may be away on purpose.
    this.#pool.on("error", () => {});
    this.#noting = noteStored(
      this.#pool,
      "notifications",
      history,
      load.clients.map(({ key }) => key),
    );
  }

  static async start(release: Release, options: LoadOptions): Promise<Traffic> {
    const history = new History();
    const load = await Load.of(release, history, options);
    load.start();
    return new Traffic(load, history, release);
  }

  /** All clients are connected. Call it only while every client wants to stay. */
  gathered(): Promise<void> {
    return this.#load.gathered(PATIENCE_MS);
  }

  /** A new publish is accepted, and connected clients get all that was accepted before. Returns the seconds. */
  async flows(): Promise<number> {
    const since = performance.now();
    while (!this.history.recovered(since)) {
      if (performance.now() - since > PATIENCE_MS)
        throw new Error(
          `After ${PATIENCE_MS / 1_000} s ${this.history.open} accepted notifications have still not arrived.`,
        );
      await sleep(20);
    }
    return (performance.now() - since) / 1_000;
  }

  /** Stops publishing; every client gets everything. */
  async end(): Promise<Verdict> {
    await this.#noting.stop();
    await this.#load.drain(() => this.history.open === 0, PATIENCE_MS);
    await this.#load.close();
    await this.#pool.end();
    return check(this.history.events);
  }
}
