import type { Policies } from "./policies.ts";
import { MEMORY_MS, type PolicyStore } from "./store.ts";
import { messageOf } from "#runtime/errors.ts";
import type { Health } from "#runtime/health.ts";
import type { Log } from "#runtime/log.ts";
import { meters, type Registry } from "#runtime/metrics.ts";

export interface PolicyRefreshOptions {
  policies: Policies;
  policyStore: Pick<PolicyStore, "version" | "changes">;
  everyMs: number;
  health: Health;
  registry: Registry;
  log: Log;
  /** ms, monotonic. */
  clock?: () => number;
}

/**
 * Reads changed policies into memory every few seconds. While Postgres is unavailable the last known policies stay in
 * use, so no caller is locked out. A revocation made meanwhile takes effect when Postgres is back. The age of the
 * policies is a metric.
 */
export class PolicyRefresh {
  readonly #options: PolicyRefreshOptions;
  readonly #clock: () => number;
  readonly #failed: () => void;
  #version = 0;
  #at: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  #failing = false;
  #last: Promise<void> = Promise.resolve();

  constructor(options: PolicyRefreshOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
    const { gauge, tally } = meters(options.registry);
    gauge("access_age_seconds", "Time since the policies were last read. -1 before the first time.", () => this.age);
    gauge("access_version", "The version of the policies in this process.", () => this.#version);
    this.#failed = tally("access_failures_total", "Failed reads of the policies.");
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
    const { policies, policyStore, health, log } = this.#options;
    try {
      const began = this.#clock();
      const version = await policyStore.version();
      // Postgres was restored to an earlier state, or deletions may have been purged since the last refresh.
      const anew = this.#at === undefined || version < this.#version || began - this.#at > MEMORY_MS;
      if (anew || version > this.#version) {
        const rows = await policyStore.changes(anew ? 0 : this.#version);
        policies.apply(rows, anew);
        log.debug({ version, rows: rows.length }, "read the policies");
      }
      this.#version = version;
      this.#at = began;
      this.#failing = false;
      health.up("access");
    } catch (error) {
      this.#failed();
      if (this.#at === undefined) health.down("access", messageOf(error));
      if (!this.#failing) log.warn({ err: error }, "policy refresh failed: the last known policies stay in use");
      this.#failing = true;
      throw error;
    }
  }
}
