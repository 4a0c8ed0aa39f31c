import { MEMORY_MS, type Row } from "./row-store.ts";
import { messageOf } from "#runtime/errors.ts";
import type { Health } from "#runtime/health.ts";
import type { Log } from "#runtime/log.ts";
import type { Registry } from "#runtime/metrics.ts";
import { ROW_METRICS } from "./row-metrics.ts";

/** The rows of a table, in memory. */
export interface RowCache {
  /** `anew`: these rows replace all others. */
  apply(rows: readonly Row[], anew: boolean): void;
  /** The number of rows that this process does not understand. */
  readonly unknown: number;
}

export interface RowRefreshOptions {
  /** The table, also in the health of the process. */
  name: keyof typeof ROW_METRICS;
  /** The rows, for people: policies. */
  what: string;
  cache: RowCache;
  store: { version(): Promise<number>; changes(after: number): Promise<readonly Row[]> };
  everyMs: number;
  health: Health;
  registry: Registry;
  log: Log;
  /** ms, monotonic. */
  clock?: () => number;
}

/**
 * Reads changed rows into memory every few seconds. While Postgres is unavailable the last known rows stay in use, so no
 * caller is locked out. A revocation made meanwhile takes effect when Postgres is back. The age of the rows is a metric.
 */
export class RowRefresh {
  readonly #options: RowRefreshOptions;
  readonly #clock: () => number;
  readonly #failed: () => void;
  #version = 0;
  #at: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  #failing = false;
  #last: Promise<void> = Promise.resolve();

  constructor(options: RowRefreshOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
    const { name, cache, registry } = options;
    this.#failed = ROW_METRICS[name](registry, {
      age: () => this.age,
      version: () => this.#version,
      unknown: () => cache.unknown,
    });
  }

  get age(): number {
    return this.#at === undefined ? -1 : (this.#clock() - this.#at) / 1_000;
  }

  /** Refreshes repeatedly, until `end`. */
  start(): void {
    void this.refresh()
      .catch(() => undefined)
      .then(() => {
        if (!this.#ended) this.#timer = setTimeout(() => this.start(), this.#options.everyMs);
      });
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  /**
   * Refreshes once, now. Refreshes run one after the other: a late answer of an earlier one would undo newer changes.
   */
  refresh(): Promise<void> {
    const next = this.#last.then(() => this.#refresh());
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #refresh(): Promise<void> {
    const { name, what, cache, store, health, log } = this.#options;
    try {
      const began = this.#clock();
      const version = await store.version();
      // Postgres was restored to an earlier state, or deletions may have been purged since the last refresh.
      const anew = this.#at === undefined || version < this.#version || began - this.#at > MEMORY_MS;
      if (anew || version > this.#version) {
        const rows = await store.changes(anew ? 0 : this.#version);
        cache.apply(rows, anew);
        log.debug({ version, rows: rows.length }, `read the ${what}`);
      }
      this.#version = version;
      this.#at = began;
      this.#failing = false;
      health.up(name);
    } catch (error) {
      this.#failed();
      if (this.#at === undefined) health.down(name, messageOf(error));
      if (!this.#failing) log.warn({ err: error }, `refresh of the ${what} failed: the last known ones stay in use`);
      this.#failing = true;
      throw error;
    }
  }
}
