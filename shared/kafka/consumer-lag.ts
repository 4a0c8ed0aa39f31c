type Progress = ReadonlyMap<number, { committed: number; end: number }>;

/** About the interval of a scrape. Autoscalers look less often. */
export const LAG_MS = 5_000;

/**
 * A group's lag behind its topic. It comes from Kafka, not from counting records read: a paused partition reads
 * nothing, and its lag matters most.
 */
export class ConsumerLag {
  readonly #ask: () => Promise<Progress>;
  #progress: Progress = new Map();
  #looking = false;

  constructor(ask: () => Promise<Progress>) {
    this.#ask = ask;
  }

  /** Call it every few seconds. While Kafka is away the last value stays. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      this.#progress = await this.#ask();
    } catch {
      // The next call asks again. Other places report that Kafka does not answer.
    } finally {
      this.#looking = false;
    }
  }

  /** The unsettled records of the owned partitions. */
  of(owns: (partition: number) => boolean): number {
    let records = 0;
    for (const [partition, { committed, end }] of this.#progress) if (owns(partition)) records += end - committed;
    return records;
  }
}
