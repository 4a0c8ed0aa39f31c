import { backOff, type BackoffRange } from "#runtime/backoff.ts";
import { PackWriter } from "#protocol/pack-writer.ts";
import type { Outgoing } from "./client.ts";

/**
 * Fills one pack for each partition while one send is in flight, then sends them all together. Order is kept in each
 * partition. An idle producer sends at once, and a busy one packs more.
 */
export interface BatchingProducerOptions {
  send(records: Outgoing[]): Promise<number[]>;
  /** Least time in ms between the starts of two sends: a send costs about the same, whatever its size. */
  paceMs?: number;
  /** Longest time in ms that patient items wait, unless an urgent item goes first. */
  patienceMs?: number;
  /** A pack is closed at this size. A send takes at most one pack more than this many bytes. */
  maxPackBytes: number;
  maxSendBytes: number;
  /** `retry` repeats a failed send until it succeeds. `fail` passes the error to the waiting callers, and continues. */
  onFailure: "retry" | "fail";
  failed(error: unknown): void;
  sent?(records: number, bytes: number): void;
}

export type Sent = (error: unknown, offset: number) => void;

interface OpenPack {
  topic: string;
  partition: number;
  writer: PackWriter;
  waiting: Sent[];
}

interface ClosedPack extends Outgoing {
  waiting: Sent[];
  bytes: number;
}

const BACKOFF_MS: BackoffRange = [50, 2_000];

export class BatchingProducer {
  readonly #options: BatchingProducerOptions;
  readonly #open = new Map<string, OpenPack[]>();
  readonly #touched = new Set<OpenPack>();
  readonly #closed: ClosedPack[] = [];
  #closedBytes = 0;
  #sending = false;
  /** The start of the last send, on the clock of performance.now(). */
  #began = -Infinity;
  /** An urgent item waits. */
  #urgent = false;
  /** The reason for the wait before the next send, if none is in flight. */
  #awaited: "turn" | "patience" | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  #idle: (() => void)[] = [];

  constructor(options: BatchingProducerOptions) {
    this.#options = options;
  }

  /** Bytes not yet sent. Callers bound them. */
  get queuedBytes(): number {
    let open = 0;
    for (const pack of this.#touched) open += pack.writer.bytes;
    return this.#closedBytes + open;
  }

  /** Adds one item by `write`. `sent` is told the offset once its pack is in Kafka. */
  add(topic: string, partition: number, write: (writer: PackWriter) => void, sent?: Sent): void {
    this.#put(topic, partition, write, sent);
    this.#hurry();
  }

  /** Adds an item that is not urgent: it goes with the next send. */
  addPatiently(topic: string, partition: number, write: (writer: PackWriter) => void): void {
    this.#put(topic, partition, write);
    this.#schedule();
  }

  #put(topic: string, partition: number, write: (writer: PackWriter) => void, sent?: Sent): void {
    const pack = this.#packOf(topic, partition);
    write(pack.writer);
    if (sent) pack.waiting.push(sent);
    this.#touched.add(pack);
    if (pack.writer.full || pack.writer.bytes >= this.#options.maxPackBytes) this.#close(pack);
  }

  /** Adds a whole record that is not a pack: a dead letter. */
  record(record: Outgoing, sent?: Sent): void {
    this.#push({ ...record, waiting: sent ? [sent] : [] });
    this.#hurry();
  }

  /** Resolves when nothing is queued or in flight. */
  async drained(): Promise<void> {
    if (!this.#sending && !this.#awaited && this.#closed.length === 0 && this.#touched.size === 0) return;
    this.#hurry();
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Removes every item whose send has not begun: it will never be in Kafka. The waiting callers get `error`. */
  withdraw(error: unknown): void {
    for (const pack of this.#touched) this.#close(pack);
    this.#closedBytes = 0;
    for (const { waiting } of this.#closed.splice(0)) for (const sent of waiting) sent(error, -1);
  }

  /** Stops retries. The waiting callers get the error. */
  end(): void {
    this.#ended = true;
  }

  #packOf(topic: string, partition: number): OpenPack {
    let packs = this.#open.get(topic);
    if (!packs) this.#open.set(topic, (packs = []));
    return (packs[partition] ??= { topic, partition, writer: new PackWriter(), waiting: [] });
  }

  #close(pack: OpenPack): void {
    this.#push({ topic: pack.topic, partition: pack.partition, value: pack.writer.take(), waiting: pack.waiting });
    pack.waiting = [];
    this.#touched.delete(pack);
  }

  #push(pack: Omit<ClosedPack, "bytes">): void {
    let bytes = pack.value.length;
    // Kafka limits a partition's records together: many small ones with long headers would exceed the limit for good.
    for (const name in pack.headers) bytes += name.length + 2 * pack.headers[name]!.length;
    this.#closed.push({ ...pack, bytes });
    this.#closedBytes += bytes;
  }

  #hurry(): void {
    this.#urgent = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#sending || this.#awaited === "turn") return;
    if (this.#urgent || this.#closed.length > 0) {
      clearTimeout(this.#timer);
      this.#awaited = "turn";
      const wait = this.#began + (this.#options.paceMs ?? 0) - performance.now();
      if (wait > 0) this.#timer = setTimeout(() => void this.#send(), wait);
      else setImmediate(() => void this.#send());
    } else if (this.#awaited === undefined) {
      this.#awaited = "patience";
      this.#timer = setTimeout(() => void this.#send(), this.#options.patienceMs ?? 0);
    }
  }

  async #send(): Promise<void> {
    this.#awaited = undefined;
    this.#sending = true;
    this.#urgent = false;
    this.#began = performance.now();
    // All packs each time: packs that fill up one after the other would delay the rest.
    for (const pack of this.#touched) this.#close(pack);
    if (this.#closed.length > 0) await this.#sendOne(this.#next());
    this.#sending = false;
    if (this.#touched.size > 0 || this.#closed.length > 0) this.#schedule();
    else for (const resolve of this.#idle.splice(0)) resolve();
  }

  #next(): ClosedPack[] {
    let count = 0;
    let bytes = 0;
    while (count < this.#closed.length && (count === 0 || bytes < this.#options.maxSendBytes)) {
      bytes += this.#closed[count]!.bytes;
      count += 1;
    }
    this.#closedBytes -= bytes;
    return this.#closed.splice(0, count);
  }

  async #sendOne(packs: ClosedPack[]): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      let offsets: number[];
      try {
        offsets = await this.#options.send(packs);
      } catch (error) {
        this.#options.failed(error);
        if (this.#options.onFailure === "fail" || this.#ended) {
          for (const { waiting } of packs) for (const sent of waiting) sent(error, -1);
          return;
        }
        await backOff(tries, BACKOFF_MS);
        continue;
      }
      // Outside the try: an error in a waiting caller is not a failed send.
      this.#options.sent?.(
        packs.length,
        packs.reduce((sum, { value }) => sum + value.length, 0),
      );
      packs.forEach(({ waiting }, index) => waiting.forEach((sent) => sent(undefined, offsets[index]!)));
      return;
    }
  }
}
