import type { Epoch } from "@saasaparilla/shared/kafka/epochs.ts";
import {
  packSequence,
  partitionOf,
  type ClientKey,
  type Sequence,
} from "@saasaparilla/shared/protocol/notification.ts";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import { withTimeout } from "@saasaparilla/shared/runtime/timeout.ts";
import type { CourierMetrics } from "#metrics.ts";

export interface AcceptedEndsParts {
  /** By partition: the offset that the next record of accepted will have. */
  ask: () => Promise<ReadonlyMap<number, number>>;
  epoch: Epoch;
  metrics: Pick<CourierMetrics, "failed">;
}

const ASK_MS = 5_000;

/**
 * The ends of the partitions of accepted. They only rise, so an earlier answer still proves that a sequence exists.
 * Requests share the question to Kafka.
 */
export class AcceptedEnds {
  readonly #parts: AcceptedEndsParts;
  readonly #known = new Map<number, number>();
  #asking: Promise<void> | undefined;

  constructor(parts: AcceptedEndsParts) {
    this.#parts = parts;
  }

  /**
   * A sequence after all notifications that the client has now. With `wanted`, it is after `wanted` if a notification
   * has that sequence.
   */
  async after(client: ClientKey, wanted?: Sequence): Promise<Sequence> {
    const { epoch, metrics } = this.#parts;
    const partition = partitionOf(client, epoch.partitions);
    const known = (): Sequence => packSequence(epoch.epoch, this.#known.get(partition) ?? 0);
    const enough = (): boolean => wanted !== undefined && wanted < known();
    if (enough()) return known();
    if ((await withTimeout(ASK_MS, this.#renew(enough))) === undefined) {
      metrics.failed("kafka");
      throw new Failure("retry", "Kafka did not answer the end of a partition in time.");
    }
    return known();
  }

  async #renew(enough: () => boolean): Promise<true> {
    // This question may have been answered before the notification came.
    await this.#asking;
    if (!enough()) await this.#ask();
    return true;
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#parts
      .ask()
      .then((ends) => {
        for (const [partition, end] of ends) this.#known.set(partition, Math.max(end, this.#known.get(partition) ?? 0));
      })
      .finally(() => (this.#asking = undefined));
    return this.#asking;
  }
}
