import { backOff, type BackoffRange } from "@saasaparilla/shared/runtime/backoff.ts";
import { classify } from "@saasaparilla/shared/runtime/errors.ts";
import { deadLetterOf, type DeadLetters } from "@saasaparilla/shared/kafka/dead-letters.ts";
import type { Batch, GroupReader, Incoming } from "@saasaparilla/shared/kafka/client.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
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

export interface ConsumerOptions {
  topic: string;
  handler: RecordHandler;
  deadLetters: Pick<DeadLetters, "add">;
  /** A partition pauses at so many bytes of waiting records. */
  maxBytes: number;
  metrics: Pick<DispatcherMetrics, "read" | "retried" | "paused" | "watch">;
  log: Log;
  fatal: (error: unknown) => void;
}

interface Owned {
  readonly partition: number;
  readonly waiting: Incoming[];
  bytes: number;
  /** The next offset to read. Undefined before the first batch. */
  next: number | undefined;
  /** The next offset to settle, and the last commit. */
  settled: number | undefined;
  committed: number | undefined;
  paused: boolean;
  /** The group has taken it away, or the process ends. */
  dropped: boolean;
  working: Promise<void> | undefined;
}

/** Records that are settled together: each round asks Postgres and Kafka once. */
const RECORDS_AT_ONCE = 100;
const RESUMED_PART = 3 / 4;
const BACKOFF_MS: BackoffRange = [100, 2_000];

/**
 * Reads dispatch. The group gives each partition to one dispatcher. A former owner may still work on its current
 * record, so writers compare before they set. A batch only waits here: a member that is busy for longer than its
 * session would lose its partitions.
 */
export class DispatchConsumer {
  readonly #options: ConsumerOptions;
  readonly #owned = new Map<number, Owned>();
  #reader: GroupReader | undefined;
  #member = "";
  #committing: Promise<void> | undefined;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    options.metrics.watch({
      partitions: () => this.#owned.size,
      waitingBytes: () => Array.from(this.#owned.values()).reduce((sum, { bytes }) => sum + bytes, 0),
    });
  }

  owns(partition: number): boolean {
    return this.#owned.has(partition);
  }

  use(reader: GroupReader): void {
    this.#reader = reader;
  }

  /** A member with a new name was expelled, and starts every partition from its commit. */
  assigned(partitions: number[], member: string): void {
    const kept = member === this.#member ? new Set(partitions) : new Set<number>();
    this.#member = member;
    for (const owned of this.#owned.values()) if (!kept.has(owned.partition)) this.#drop(owned);
    for (const partition of partitions) if (!this.#owned.has(partition)) this.#owned.set(partition, ownedOf(partition));
    this.#options.log.info({ partitions, member, kept: [...kept] }, "partitions assigned");
    this.#options.handler.assigned(partitions);
  }

  /** Returns false if the batch counts as unread. */
  read({ partition, records }: Batch): boolean {
    const owned = this.#owned.get(partition);
    if (!owned) return false;
    // Records below the commit: the topic was made again, or a commit was under way while the group changed.
    const again = (records[0]?.offset ?? Infinity) < (owned.committed ?? 0);
    // After a change of the group the client reads from the commit again.
    const fresh = again ? records : records.filter(({ offset }) => offset >= (owned.next ?? 0));
    for (const record of fresh) {
      owned.waiting.push(record);
      owned.bytes += sizeOf(record);
      owned.next = record.offset + 1;
    }
    this.#options.metrics.read(fresh.length);
    this.#pauseAtBound(owned);
    // Without a record the work would end before it is noted here, and its end would never be noted.
    if (owned.waiting.length > 0) owned.working ??= this.#work(owned);
    return true;
  }

  /** Call it four times a second. */
  async commit(): Promise<void> {
    await (this.#committing ??= this.#commit().finally(() => (this.#committing = undefined)));
  }

  /** Waits for the records in work, then commits for the last time. */
  async end(): Promise<void> {
    for (const owned of this.#owned.values()) owned.dropped = true;
    for (const { working } of this.#owned.values()) await working;
    await this.#committing;
    await this.commit();
  }

  async #work(owned: Owned): Promise<void> {
    try {
      while (owned.waiting.length > 0 && !owned.dropped) {
        const records = owned.waiting.slice(0, RECORDS_AT_ONCE);
        if (!(await this.#settle(owned, records))) break;
      }
    } catch (error) {
      this.#options.fatal(error);
    } finally {
      owned.working = undefined;
    }
  }

  /** False if the partition was dropped before the records were settled. */
  async #settle(owned: Owned, records: readonly Incoming[]): Promise<boolean> {
    const { topic, handler, deadLetters, metrics, log } = this.#options;
    const { partition } = owned;
    for (let tries = 0; ; tries += 1) {
      try {
        await handler.settle(records, partition);
        this.#settled(owned, records);
        return true;
      } catch (error) {
        const kind = classify(error);
        if (kind === "fatal") throw error;
        const [record, ...more] = records;
        if (kind === "reject") {
          if (more.length > 0) return this.#settleEach(owned, records);
          await deadLetters.add(deadLetterOf({ topic, partition }, record!, error));
          this.#settled(owned, records);
          return true;
        }
        metrics.retried();
        log.warn({ err: error, partition, offset: record!.offset }, "records of dispatch failed: they are tried again");
        await backOff(tries, BACKOFF_MS);
        if (owned.dropped) return false;
      }
    }
  }

  /** The first of the waiting records are done. */
  #settled(owned: Owned, records: readonly Incoming[]): void {
    owned.waiting.splice(0, records.length);
    for (const record of records) owned.bytes -= sizeOf(record);
    owned.settled = records.at(-1)!.offset + 1;
    this.#resumeBelowBound(owned);
  }

  async #settleEach(owned: Owned, records: readonly Incoming[]): Promise<boolean> {
    for (const record of records) if (!(await this.#settle(owned, [record]))) return false;
    return true;
  }

  async #commit(): Promise<void> {
    const { topic, log } = this.#options;
    const fresh = Array.from(this.#owned.values()).filter(({ settled, committed }) => settled !== committed);
    if (fresh.length === 0 || !this.#reader) return;
    const offsets = fresh.map(({ partition, settled }) => ({ topic, partition, offset: settled! }));
    try {
      await this.#reader.commit(offsets);
      fresh.forEach((owned, index) => (owned.committed = offsets[index]!.offset));
    } catch (error) {
      // The group has moved on, or Kafka is away. The next call commits what is still owned.
      log.debug({ err: error }, "commit refused");
    }
  }

  #drop(owned: Owned): void {
    owned.dropped = true;
    this.#owned.delete(owned.partition);
    // A pause outlives the assignment, and would still apply when the partition comes back.
    this.#reader?.resume(this.#options.topic, owned.partition);
  }

  #pauseAtBound(owned: Owned): void {
    const { topic, maxBytes, metrics, log } = this.#options;
    const { partition, bytes } = owned;
    if (owned.paused || bytes < maxBytes || !this.#reader) return;
    owned.paused = true;
    this.#reader.pause(topic, partition);
    metrics.paused();
    log.info({ partition, bytes }, "partition paused at its bound");
  }

  #resumeBelowBound(owned: Owned): void {
    const { topic, maxBytes } = this.#options;
    if (!owned.paused || owned.bytes > maxBytes * RESUMED_PART) return;
    owned.paused = false;
    if (!owned.dropped) this.#reader?.resume(topic, owned.partition);
  }
}

/** Memory of a record beside its value. */
const RECORD_BYTES = 256;
const sizeOf = ({ value }: Incoming): number => RECORD_BYTES + (value?.length ?? 0);

const ownedOf = (partition: number): Owned => ({
  partition,
  waiting: [],
  bytes: 0,
  next: undefined,
  settled: undefined,
  committed: undefined,
  paused: false,
  dropped: false,
  working: undefined,
});
