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
 * Brings into memory what has changed of who may do what, every few seconds. While Postgres is away the last that was read
 * holds: nobody is locked out by it, and what was revoked meanwhile is heard of when it is back. Its age is a metric.
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
    gauge("access_age_seconds", "Since it was read who may do what; -1 before the first time.", () => this.age);
    gauge("access_version", "Which version of who may do what this process knows.", () => this.#version);
    this.#failed = tally("access_failures_total", "Times that it could not be read who may do what.");
  }

  get age(): number {
    return this.#at === undefined ? -1 : (this.#clock() - this.#at) / 1_000;
  }

  /** Again and again, until `end`. */
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

  /** Once, now; one after the other, for an earlier answer that comes later would bring back what has changed since. */
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
      // Postgres was set back, or so much time has passed that what was taken away may have been forgotten.
      const anew = this.#at === undefined || version < this.#version || began - this.#at > MEMORY_MS;
      if (anew || version > this.#version) {
        const rows = await policyStore.changes(anew ? 0 : this.#version);
        policies.apply(rows, anew);
        log.debug({ version, rows: rows.length }, "read who may do what");
      }
      this.#version = version;
      this.#at = began;
      this.#failing = false;
      health.up("access");
    } catch (error) {
      this.#failed();
      if (this.#at === undefined) health.down("access", messageOf(error));
      if (!this.#failing) log.warn({ err: error }, "it cannot be read who may do what: what was read last holds");
      this.#failing = true;
      throw error;
    }
  }
}
