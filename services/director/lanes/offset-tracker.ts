/**
 * Finds the offset to commit: the lowest offset of accepted with an unsettled notification. Settling can happen in any
 * order.
 */
export interface TrackedRecord {
  readonly offset: number;
  /** ms since 1970, by the broker. */
  readonly appended: number;
  /**
   * The memory that it keeps until all of it is settled, or the rest is copied out (partitions/free-record-memory.ts).
   */
  bytes: number;
  /** The pack's unsettled notifications. */
  remaining: number;
}

export class OffsetTracker {
  /** In order of offset; those before `#head` are settled. */
  #records: TrackedRecord[] = [];
  #head = 0;
  /** Everything before it was settled earlier. */
  readonly start: number;
  #next: number;
  #committed: number;
  /** Unsettled notifications. */
  unsettled = 0;
  /** The bytes of all records with unsettled notifications. */
  unsettledBytes = 0;

  /** `start`: no record before this offset will be tracked. */
  constructor(start: number) {
    this.start = start;
    this.#next = start;
    this.#committed = start;
  }

  /** The offset after the last tracked one. */
  get next(): number {
    return this.#next;
  }

  track(offset: number, notifications: number, appended: number, bytes: number): TrackedRecord {
    const record = { offset, appended, bytes, remaining: notifications };
    this.#records.push(record);
    this.#next = offset + 1;
    this.unsettled += notifications;
    this.unsettledBytes += bytes;
    return record;
  }

  settle(record: TrackedRecord): void {
    record.remaining -= 1;
    this.unsettled -= 1;
    if (record.remaining === 0) this.unsettledBytes -= record.bytes;
  }

  /** The record now keeps only `bytes` in memory. */
  shrink(record: TrackedRecord, bytes: number): void {
    this.unsettledBytes -= record.bytes - bytes;
    record.bytes = bytes;
  }

  /** The offset of the last commit. */
  get committed(): number {
    return this.#committed;
  }

  /** The offset to commit if it moved since the last call, else undefined. */
  commit(): number | undefined {
    while (this.#head < this.#records.length && this.#records[this.#head]!.remaining === 0) this.#head += 1;
    if (this.#head > 1_024 && this.#head * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#head);
      this.#head = 0;
    }
    const offset = this.#records[this.#head]?.offset ?? this.#next;
    if (offset === this.#committed) return undefined;
    this.#committed = offset;
    return offset;
  }
}
