import { setTimeout as sleep } from "node:timers/promises";
import type { Batch, GroupReader } from "@saasaparilla/shared/kafka/client.ts";
import type { DeadLetters } from "#dead-letters/dead-letters.ts";
import type { PartitionLanes } from "#partitions/partition.ts";
import type { NotificationWriter } from "./notification-writer.ts";

const RETRY_MS = 1_000;

export interface DrainsOptions {
  notificationWriter: Pick<NotificationWriter, "drain">;
  deadLetters: Pick<DeadLetters, "add">;
  /** Everything of deferred before `next` is in Postgres. */
  drained: (partition: number, next: number) => void;
  fatal: (error: unknown) => void;
}

/**
 * Inserts what was deferred, one batch of each partition at a time, while its deferred is paused. Not while it is read: the Kafka client fetches nothing more, of
 * any partition, until all is handled that a fetch has brought.
 */
export class Drains {
  readonly #options: DrainsOptions;
  readonly #running = new Map<PartitionLanes, Promise<void>>();
  #ending = false;

  constructor(options: DrainsOptions) {
    this.#options = options;
  }

  /** False where one is under way: the batch is to be read again. */
  begin(lanes: PartitionLanes, batch: Batch, reader: Pick<GroupReader, "pause" | "resume"> | undefined): boolean {
    if (this.#running.has(lanes)) return false;
    reader?.pause(batch.topic, batch.partition);
    const running = this.#run(lanes, batch).then((drained) => {
      this.#running.delete(lanes);
      // Where it was taken away meanwhile, and perhaps given back, its reading is the new owner's.
      if (drained) reader?.resume(batch.topic, batch.partition);
    }, this.#options.fatal);
    this.#running.set(lanes, running);
    return true;
  }

  /** Resolves when no insert is under way, and tries none again. */
  async end(): Promise<void> {
    this.#ending = true;
    await Promise.all(this.#running.values());
  }

  /** Paced by Postgres: while it is away the insert is tried again. */
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
