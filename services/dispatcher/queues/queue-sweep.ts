import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { Quarantine } from "@saasaparilla/shared/postgres/quarantine.ts";
import type { QueueStore } from "@saasaparilla/shared/postgres/queue-store.ts";
import type { DispatcherMetrics } from "#metrics.ts";

/** Limits of one statement. */
const QUEUES = 50;
const ROWS = 1_000;

export interface QueueSweepParts {
  store: Pick<QueueStore, "sweep">;
  quarantine: Pick<Quarantine, "sweep">;
  metrics: Pick<DispatcherMetrics, "messages" | "failed">;
  log: Log;
}

/** Deletes rows of queues that no consumer can see. Call it at intervals. */
export class QueueSweep {
  readonly #parts: QueueSweepParts;
  #running: Promise<void> | undefined;
  #ended = false;

  constructor(parts: QueueSweepParts) {
    this.#parts = parts;
  }

  look(): Promise<void> {
    return (this.#running ??= this.#sweep().finally(() => (this.#running = undefined)));
  }

  /** Waits for the running statement. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#running;
  }

  async #sweep(): Promise<void> {
    const { store, quarantine, metrics, log } = this.#parts;
    try {
      for (let after: string | undefined = ""; after !== undefined && !this.#ended;) {
        const { last, swept } = await store.sweep(after, QUEUES, ROWS);
        metrics.messages("swept", swept);
        after = last;
      }
      while (!this.#ended && (await quarantine.sweep(ROWS)) === ROWS);
    } catch (error) {
      metrics.failed("postgres");
      log.warn({ err: error }, `the sweep of queues failed and will be retried: ${messageOf(error)}`);
    }
  }
}
