import { backOff, type BackoffRange } from "@saasaparilla/shared/runtime/backoff.ts";
import { classify } from "@saasaparilla/shared/runtime/errors.ts";
import { deadLetterOf, type DeadLetters } from "@saasaparilla/shared/kafka/dead-letters.ts";
import {
  GroupConsumer,
  type GroupConsumerOptions,
  type OwnedPartition,
} from "@saasaparilla/shared/kafka/group-consumer.ts";
import type { Incoming } from "@saasaparilla/shared/kafka/client.ts";
import type { DispatcherMetrics } from "#metrics.ts";

/** Processes the records of dispatch. The records of one partition come one after another, in order. */
export interface RecordHandler {
  /** All partitions that this dispatcher owns now. Others may already have an owner elsewhere. */
  assigned(partitions: readonly number[]): void;
  /**
   * Resolves when the records, in their order, are settled: their offsets are committed then. After a takeover a record
   * comes again, so its effects must be repeatable. A `retry` repeats them all. After a `reject` they come one by one,
   * and the one that is rejected alone goes to the dead letters.
   */
  settle(records: readonly Incoming[], partition: number): Promise<void>;
}

export interface ConsumerOptions extends GroupConsumerOptions {
  handler: RecordHandler;
  deadLetters: Pick<DeadLetters, "add">;
  metrics: Pick<DispatcherMetrics, "read" | "retried" | "paused" | "watch">;
  fatal: (error: unknown) => void;
}

/** Records that are settled together: each round asks Postgres and Kafka once. */
const RECORDS_AT_ONCE = 100;
const BACKOFF_MS: BackoffRange = [100, 2_000];

/**
 * Reads dispatch. The group gives each partition to one dispatcher. A former owner may still work on its current
 * record, so writers compare before they set.
 */
export class DispatchConsumer extends GroupConsumer {
  readonly #options: ConsumerOptions;
  readonly #working = new Map<OwnedPartition, Promise<void>>();

  constructor(options: ConsumerOptions) {
    super(options);
    this.#options = options;
  }

  protected override changed(partitions: readonly number[]): void {
    this.#options.handler.assigned(partitions);
  }

  protected override arrived(owned: OwnedPartition): void {
    // Without a record the work would end before it is noted here, and its end would never be noted.
    if (owned.waiting.length > 0 && !this.#working.has(owned)) this.#working.set(owned, this.#work(owned));
  }

  protected override async idle(): Promise<void> {
    await Promise.all(this.#working.values());
  }

  async #work(owned: OwnedPartition): Promise<void> {
    try {
      while (owned.waiting.length > 0 && !owned.dropped) {
        const records = owned.waiting.slice(0, RECORDS_AT_ONCE);
        if (!(await this.#settle(owned, records))) break;
      }
    } catch (error) {
      this.#options.fatal(error);
    } finally {
      this.#working.delete(owned);
    }
  }

  /** False if the partition was dropped before the records were settled. */
  async #settle(owned: OwnedPartition, records: readonly Incoming[]): Promise<boolean> {
    const { topic, handler, deadLetters, metrics, log } = this.#options;
    const { partition } = owned;
    for (let tries = 0; ; tries += 1) {
      try {
        await handler.settle(records, partition);
        this.settled(owned, records.length);
        return true;
      } catch (error) {
        const kind = classify(error);
        if (kind === "fatal") throw error;
        const [record, ...more] = records;
        if (kind === "reject") {
          if (more.length > 0) return this.#settleEach(owned, records);
          await deadLetters.add(deadLetterOf({ topic, partition }, record!, error));
          this.settled(owned, records.length);
          return true;
        }
        metrics.retried();
        log.warn({ err: error, partition, offset: record!.offset }, "records of dispatch failed: they are tried again");
        await backOff(tries, BACKOFF_MS);
        if (owned.dropped) return false;
      }
    }
  }

  async #settleEach(owned: OwnedPartition, records: readonly Incoming[]): Promise<boolean> {
    for (const record of records) if (!(await this.#settle(owned, [record]))) return false;
    return true;
  }
}
