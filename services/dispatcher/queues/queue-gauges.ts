import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { QueueDepths } from "@saasaparilla/shared/postgres/queue-depths.ts";
import type { DispatcherMetrics } from "#metrics.ts";

export interface QueueGaugesParts {
  /** The next page of tenants. */
  depths: (after: string) => Promise<QueueDepths>;
  metrics: Pick<DispatcherMetrics, "watch" | "failed">;
  log: Log;
}

/** The longest queue and the oldest message of all tenants. Each look reads one page, and the gauges are of the last round. */
export class QueueGauges {
  readonly #parts: QueueGaugesParts;
  #after = "";
  #round = { messages: 0, seconds: 0 };
  #shown = { messages: 0, seconds: 0 };
  #looking = false;

  constructor(parts: QueueGaugesParts) {
    this.#parts = parts;
    parts.metrics.watch({
      queueMessages: () => this.#shown.messages,
      queueSeconds: () => this.#shown.seconds,
    });
  }

  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { depths, metrics, log } = this.#parts;
    try {
      const { last, messages, seconds } = await depths(this.#after);
      this.#round.messages = Math.max(this.#round.messages, messages);
      this.#round.seconds = Math.max(this.#round.seconds, seconds);
      this.#after = last ?? "";
      if (last === undefined) {
        this.#shown = this.#round;
        this.#round = { messages: 0, seconds: 0 };
      }
    } catch (error) {
      metrics.failed("postgres");
      log.warn({ err: error }, `the depths of queues were not read, and will be: ${messageOf(error)}`);
    } finally {
      this.#looking = false;
    }
  }
}
