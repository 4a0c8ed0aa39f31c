import { setTimeout as sleep } from "node:timers/promises";
import type { Batch, GroupReader } from "@saasaparilla/shared/kafka/client.ts";
import type { DeadLetters } from "@saasaparilla/shared/kafka/dead-letters.ts";
import type { PartitionLanes } from "#partitions/partition.ts";
import type { NotificationWriter } from "./notification-writer.ts";

const RETRY_MS = 1_000;

export interface DeferredInsertsParts {
  notificationWriter: Pick<NotificationWriter, "drain">;
  deadLetters: Pick<DeadLetters, "add">;
  /** Everything in deferred before `next` is in Postgres. */
  drained: (partition: number, next: number) => void;
  fatal: (error: unknown) => void;
}

/**
 * Inserts deferred records, one batch of each partition at a time, while that partition's deferred is paused. An insert
 * during the read would block all partitions: the Kafka client fetches again only after a fetch is fully handled.
 */
export class DeferredInserts {
  readonly #options: DeferredInsertsParts;
  readonly #running = new Map<PartitionLanes, Promise<void>>();
  #ending = false;

  constructor(options: DeferredInsertsParts) {
    this.#options = options;
  }

  /** False while an insert is running: read the batch again. */
  begin(lanes: PartitionLanes, batch: Batch, reader: Pick<GroupReader, "pause" | "resume"> | undefined): boolean {
    if (this.#running.has(lanes)) return false;
    reader?.pause(batch.topic, batch.partition);
    const running = this.#run(lanes, batch).then((drained) => {
      this.#running.delete(lanes);
      // If the partition was revoked meanwhile, and perhaps assigned again, its new owner controls the reading.
      if (drained) reader?.resume(batch.topic, batch.partition);
    }, this.#options.fatal);
    this.#running.set(lanes, running);
    return true;
  }

  /** Waits for the running inserts, and prevents retries. */
  async end(): Promise<void> {
    this.#ending = true;
    await Promise.all(this.#running.values());
  }

  /** Postgres sets the pace: while it is away the insert is retried. */
  async #run(lanes: PartitionLanes, batch: Batch): Promise<boolean> {
    const { notificationWriter, deadLetters, drained } = this.#options;
    const { rows, rejected } = lanes.deferred(batch);
    while (!(await notificationWriter.drain(rows))) {
      if (lanes.owned && !this.#ending) await sleep(RETRY_MS);
      if (!lanes.owned || this.#ending) return false;
    }
    await Promise.all(rejected.map((letter) => deadLetters.add(letter)));
    if (!lanes.owned) return false;
    const next = (batch.records.at(-1)?.offset ?? -1) + 1;
    lanes.drainedTo(next);
    drained(batch.partition, next);
    return true;
  }
}
