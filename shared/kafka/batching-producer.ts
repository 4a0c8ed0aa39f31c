import { backOff, type BackoffRange } from "#runtime/backoff.ts";
import { PackWriter } from "#protocol/pack-writer.ts";
import type { Outgoing } from "./client.ts";

/**
 * Fills one pack for each partition while one send is in flight, then sends them all together: order is kept in each
 * partition, an idle producer sends at once, and a busy one packs more.
 */
export interface BatchingProducerOptions {
  send(records: Outgoing[]): Promise<number[]>;
  /** ms between the beginnings of two sends, at least: a send costs much the same, whatever is in it. */
  paceMs?: number;
  /** ms that what is added patiently waits, unless something goes before that is not. */
  patienceMs?: number;
  /** A pack is closed at this size, and a send takes at most this many bytes more than one pack. */
  maxPackBytes: number;
  maxSendBytes: number;
  /** `retry` repeats a failed send until it succeeds; `fail` hands the error to those who wait, and goes on. */
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
  /** When the last send began, on the clock of performance.now(). */
  #began = -Infinity;
  /** Something waits that is not patient. */
  #urgent = false;
  /** What the next send waits for, where none is in flight. */
  #awaited: "turn" | "patience" | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  #idle: (() => void)[] = [];

  constructor(options: BatchingProducerOptions) {
    this.#options = options;
  }

  /** Bytes not yet sent; what a bound is kept on. */
  get queuedBytes(): number {
    let open = 0;
    for (const pack of this.#touched) open += pack.writer.bytes;
    return this.#closedBytes + open;
  }

  /** Adds one item by `write`; `sent`, where given, is told when its pack is in Kafka and at which offset. */
  add(topic: string, partition: number, write: (writer: PackWriter) => void, sent?: Sent): void {
    this.#put(topic, partition, write, sent);
    this.#hurry();
  }

  /** What has time: it goes with whatever goes next. */
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

  /** A whole record that is no pack: a dead letter. */
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

  /** Takes back everything whose send has not begun: it will never be in Kafka. Those who wait are told `error`. */
  withdraw(error: unknown): void {
    for (const pack of this.#touched) this.#close(pack);
    this.#closedBytes = 0;
    for (const { waiting } of this.#closed.splice(0)) for (const sent of waiting) sent(error, -1);
  }

  /** Gives up on retries; what waits is told. */
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
    // Kafka's bound is on a partition's records together: many small ones with long headers would be over it for good.
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
    // Each time: packs that fill up one after the other would keep the others waiting.
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
      // Outside the try: what goes wrong in those who wait is not a failed send.
      this.#options.sent?.(
        packs.length,
        packs.reduce((sum, { value }) => sum + value.length, 0),
      );
      packs.forEach(({ waiting }, index) => waiting.forEach((sent) => sent(undefined, offsets[index]!)));
      return;
    }
  }
}
