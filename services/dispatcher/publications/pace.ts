/**
 * The pace of fan-out: so many notifications for each partition of accepted in a second. It halves while a partition's
 * directors lag, and grows by a tenth a second up to its limit otherwise. So live notifications of others pass.
 */
export interface PaceOptions {
  /** Notifications a second for each partition. */
  most: number;
  /** ms of the monotonic clock. */
  now: () => number;
  sleep: (ms: number) => Promise<unknown>;
}

/** The part of the limit that a partition keeps, however far its directors lag. */
const LEAST = 1 / 32;
/** A partition that was idle may take this many ms of its pace at once. */
const BURST_MS = 20;

interface Bucket {
  /** Notifications in a ms. */
  rate: number;
  tokens: number;
  at: number;
}

export class Pace {
  readonly #options: PaceOptions;
  readonly #buckets = new Map<number, Bucket>();

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  /** Waits until each of the partitions has room, then takes one notification from it for each time it is named. */
  async turn(partitions: readonly number[]): Promise<void> {
    const counts = new Map<number, number>();
    for (const partition of partitions) counts.set(partition, (counts.get(partition) ?? 0) + 1);
    for (let wait = this.#wait(counts); wait > 0; wait = this.#wait(counts)) await this.#options.sleep(wait);
    for (const [partition, count] of counts) this.#bucket(partition).tokens -= count;
  }

  /** Call it once a second for each partition. */
  adjust(partition: number, lags: boolean): void {
    const bucket = this.#bucket(partition);
    const most = this.#options.most / 1_000;
    bucket.rate = lags ? Math.max(most * LEAST, bucket.rate / 2) : Math.min(most, bucket.rate + most / 10);
  }

  /** Notifications a second that all known partitions may take now. */
  get rate(): number {
    let sum = 0;
    for (const { rate } of this.#buckets.values()) sum += rate * 1_000;
    return sum;
  }

  /** A partition may owe tokens: a part is never divided. */
  #wait(counts: ReadonlyMap<number, number>): number {
    let wait = 0;
    for (const partition of counts.keys()) {
      const { tokens, rate } = this.#bucket(partition);
      if (tokens < 0) wait = Math.max(wait, Math.ceil(-tokens / rate));
    }
    return wait;
  }

  #bucket(partition: number): Bucket {
    const now = this.#options.now();
    let bucket = this.#buckets.get(partition);
    if (!bucket) {
      const rate = this.#options.most / 1_000;
      this.#buckets.set(partition, (bucket = { rate, tokens: rate * BURST_MS, at: now }));
    }
    bucket.tokens = Math.min(bucket.rate * BURST_MS, bucket.tokens + (now - bucket.at) * bucket.rate);
    bucket.at = now;
    return bucket;
  }
}
