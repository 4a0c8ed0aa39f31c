/**
 * Which offset may be committed: the lowest one of accepted that has anything unsettled. Settling happens in any order.
 */
export interface TrackedRecord {
  readonly offset: number;
  /** ms since 1970, by the broker. */
  readonly appended: number;
  /** What it keeps in memory until all of it is settled, or what is left of it was copied out (partitions/free-record-memory.ts). */
  bytes: number;
  /** Notifications of the pack that are not settled. */
  remaining: number;
}

export class OffsetTracker {
  /** In order of offset; those before `#head` are settled. */
  #records: TrackedRecord[] = [];
  #head = 0;
  /** What is before it was settled before. */
  readonly start: number;
  #next: number;
  #committed: number;
  /** Notifications not settled. */
  unsettled = 0;
  /** Of all records that have any. */
  unsettledBytes = 0;

  /** `start` is the offset of the first record that will be tracked, at least. */
  constructor(start: number) {
    this.start = start;
    this.#next = start;
    this.#committed = start;
  }

  /** The offset after the last that was tracked. */
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

  /** It keeps no more than so many bytes in memory now. */
  shrink(record: TrackedRecord, bytes: number): void {
    this.unsettledBytes -= record.bytes - bytes;
    record.bytes = bytes;
  }

  /** The offset to commit where it has moved since the last call, else undefined. */
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
