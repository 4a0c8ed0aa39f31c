import type { Log } from "#runtime/log.ts";
import type { Batch, GroupReader, Incoming } from "./client.ts";

export interface GroupConsumerOptions {
  topic: string;
  /** A partition pauses at so many bytes of waiting records. */
  maxBytes: number;
  metrics: {
    read(records: number): void;
    paused(): void;
    watch(readers: { partitions: () => number; waitingBytes: () => number }): void;
  };
  log: Log;
}

export interface OwnedPartition {
  readonly partition: number;
  /** In order. The first ones leave it when they are settled. */
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
}

const RESUMED_PART = 3 / 4;

/**
 * Reads the partitions that a group gives to this process, and commits what is settled. A batch only waits here: a
 * member that is busy for longer than its session would lose its partitions.
 */
export abstract class GroupConsumer {
  protected readonly owned = new Map<number, OwnedPartition>();
  protected reader: GroupReader | undefined;
  readonly #options: GroupConsumerOptions;
  #member = "";
  #committing: Promise<void> | undefined;

  constructor(options: GroupConsumerOptions) {
    this.#options = options;
    options.metrics.watch({
      partitions: () => this.owned.size,
      waitingBytes: () => Array.from(this.owned.values()).reduce((sum, { bytes }) => sum + bytes, 0),
    });
  }

  owns(partition: number): boolean {
    return this.owned.has(partition);
  }

  use(reader: GroupReader): void {
    this.reader = reader;
  }

  /** A member with a new name was expelled, and starts every partition from its commit. */
  assigned(partitions: number[], member: string): void {
    const kept = member === this.#member ? new Set(partitions) : new Set<number>();
    this.#member = member;
    for (const owned of this.owned.values()) if (!kept.has(owned.partition)) this.#drop(owned);
    for (const partition of partitions) if (!this.owned.has(partition)) this.owned.set(partition, ownedOf(partition));
    this.#options.log.info({ partitions, member, kept: [...kept] }, "partitions assigned");
    this.changed(partitions);
  }

  /** Returns false if the batch counts as unread. */
  read({ partition, records }: Batch): boolean {
    const owned = this.owned.get(partition);
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
    this.arrived(owned, fresh);
    return true;
  }

  /** Call it four times a second. */
  async commit(): Promise<void> {
    await (this.#committing ??= this.#commit().finally(() => (this.#committing = undefined)));
  }

  /** Waits for the records in work, then commits for the last time. It owns nothing afterwards. */
  async end(): Promise<void> {
    for (const owned of this.owned.values()) owned.dropped = true;
    await this.idle();
    await this.#committing;
    await this.commit();
    this.owned.clear();
  }

  /** All partitions that this process owns now. Others may already have an owner elsewhere. */
  protected abstract changed(partitions: readonly number[]): void;

  /** These records wait now, after those that waited before. None if all were read before. */
  protected abstract arrived(owned: OwnedPartition, records: readonly Incoming[]): void;

  /** Resolves when no record is in work. All partitions are dropped. */
  protected abstract idle(): Promise<void>;

  /** The first of the waiting records are done. */
  protected settled(owned: OwnedPartition, count: number): void {
    const records = owned.waiting.splice(0, count);
    for (const record of records) owned.bytes -= sizeOf(record);
    owned.settled = records.at(-1)!.offset + 1;
    this.#resumeBelowBound(owned);
  }

  async #commit(): Promise<void> {
    const { topic, log } = this.#options;
    const fresh = Array.from(this.owned.values()).filter(({ settled, committed }) => settled !== committed);
    if (fresh.length === 0 || !this.reader) return;
    const offsets = fresh.map(({ partition, settled }) => ({ topic, partition, offset: settled! }));
    try {
      await this.reader.commit(offsets);
      fresh.forEach((owned, index) => (owned.committed = offsets[index]!.offset));
    } catch (error) {
      // The group has moved on, or Kafka is away. The next call commits what is still owned.
      log.debug({ err: error }, "commit refused");
    }
  }

  #drop(owned: OwnedPartition): void {
    owned.dropped = true;
    this.owned.delete(owned.partition);
    // A pause outlives the assignment, and would still apply when the partition comes back.
    this.reader?.resume(this.#options.topic, owned.partition);
  }

  #pauseAtBound(owned: OwnedPartition): void {
    const { topic, maxBytes, metrics, log } = this.#options;
    const { partition, bytes } = owned;
    if (owned.paused || bytes < maxBytes || !this.reader) return;
    owned.paused = true;
    this.reader.pause(topic, partition);
    metrics.paused();
    log.info({ partition, bytes }, "partition paused at its bound");
  }

  #resumeBelowBound(owned: OwnedPartition): void {
    const { topic, maxBytes } = this.#options;
    if (!owned.paused || owned.bytes > maxBytes * RESUMED_PART) return;
    owned.paused = false;
    if (!owned.dropped) this.reader?.resume(topic, owned.partition);
  }
}

/** Memory of a record beside its value. */
const RECORD_BYTES = 256;
const sizeOf = ({ value }: Incoming): number => RECORD_BYTES + (value?.length ?? 0);

const ownedOf = (partition: number): OwnedPartition => ({
  partition,
  waiting: [],
  bytes: 0,
  next: undefined,
  settled: undefined,
  committed: undefined,
  paused: false,
  dropped: false,
});
