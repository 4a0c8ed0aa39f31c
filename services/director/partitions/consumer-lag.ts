type Progress = ReadonlyMap<number, { committed: number; end: number }>;

/** A scrape comes as often, about, and whoever scales by it looks less often. */
export const LAG_MS = 5_000;

/**
 * How far the group is behind what is accepted. Asked of Kafka and not counted from what was read: a partition that is paused
 * reads nothing, and that is when it matters.
 */
export class ConsumerLag {
  readonly #ask: () => Promise<Progress>;
  #progress: Progress = new Map();
  #looking = false;

  constructor(ask: () => Promise<Progress>) {
    this.#ask = ask;
  }

  /** To be called every few seconds. While Kafka is away it stays what it was. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      this.#progress = await this.#ask();
    } catch {
      // Asked again in a moment; that Kafka does not answer is said elsewhere.
    } finally {
      this.#looking = false;
    }
  }

  /** Records that are not settled, of those partitions. */
  of(owns: (partition: number) => boolean): number {
    let records = 0;
    for (const [partition, { committed, end }] of this.#progress) if (owns(partition)) records += end - committed;
    return records;
  }
}
