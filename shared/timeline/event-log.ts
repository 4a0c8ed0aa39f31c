import { setTimeout as sleep } from "node:timers/promises";
import type { KafkaLink, Outgoing } from "#kafka/client.ts";
import { partitionOf, type ClientKey } from "#protocol/notification.ts";
import { backOff, type BackoffRange } from "#runtime/backoff.ts";
import { messageOf } from "#runtime/errors.ts";
import type { Log } from "#runtime/log.ts";
import { meters, type Registry } from "#runtime/metrics.ts";
import type { Details, EventKind, EventLine } from "./events.ts";

export interface EventLogOptions {
  service: string;
  /** Names this process. */
  instance: string;
  link: Pick<KafkaLink, "sender" | "partitions">;
  topic: string;
  /** Limit on the bytes that are not in Kafka yet. */
  maxBytes: number;
  registry: Registry;
  log: Pick<Log, "warn" | "error">;
  now?: () => number;
}

/** What the rest of a service needs of it. */
export type Events = Pick<EventLog, "record">;

const FLUSH_MS = 200;
/** So many bytes do not wait for the time. */
const FLUSH_BYTES = 256 << 10;
const SEND_BYTES = 1 << 20;
const RECORD_BYTES = 256 << 10;
/** Memory of a line beside its text. */
const LINE_BYTES = 100;
/** Events that Kafka refuses for so long are dropped. */
const PATIENCE_MS = 60_000;
const BACKOFF_MS: BackoffRange = [100, 5_000];
const LAST_WORDS_MS = 2_000;

interface Waiting {
  key: ClientKey;
  at: number;
  text: string;
}

type Sender = Awaited<ReturnType<KafkaLink["sender"]>>;

/**
 * Writes the events of one process to the topic `events`, beside its work: `record` only appends to a bounded buffer.
 * Events over the bound, and those that Kafka refuses for a minute, are dropped and counted. One gap for all of them is
 * the first event that is written afterwards. After a failed send an event can come twice.
 */
export class EventLog {
  readonly #options: EventLogOptions;
  readonly #now: () => number;
  readonly #headers: Record<string, string>;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #recorded = 0;
  #dropped = 0;
  /** Dropped events that no gap mentions yet. */
  #gap: { from: number; to: number; count: number } | undefined;
  #sender: Sender | undefined;
  #partitions = 0;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #closing = false;

  constructor(options: EventLogOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#headers = { service: options.service, instance: options.instance };
    const { counts, gauge } = meters(options.registry);
    counts("timeline_events_total", "Events for the timeline.", [], () => [{ count: this.#recorded }]);
    counts(
      "timeline_events_dropped_total",
      "Events that are missing in the timeline because Kafka took them too slowly. A gap stands for them.",
      [],
      () => [{ count: this.#dropped }],
    );
    gauge("timeline_queued_bytes", "Bytes of events that are not in Kafka yet.", () => this.#bytes);
  }

  get queuedBytes(): number {
    return this.#bytes;
  }

  /** `key`: `tenant/client`, or `tenant/` alone. */
  record<K extends EventKind>(kind: K, key: ClientKey, id: string, detail: Details[K]): void {
    this.recordAt(this.#now(), kind, key, { id, detail });
  }

  /** It happened before now: `at`, in ms since 1970. */
  recordAt<K extends EventKind>(
    at: number,
    kind: K,
    key: ClientKey,
    { id, detail }: { id: string; detail: Details[K] },
  ): void {
    this.#recorded += 1;
    const text = JSON.stringify([at, kind, key, id, detail] satisfies EventLine);
    const bytes = text.length + LINE_BYTES;
    if (this.#bytes + bytes > this.#options.maxBytes) {
      this.#drop(at, at, 1);
      return;
    }
    this.#waiting.push({ key, at, text });
    this.#bytes += bytes;
    if (this.#sending) return;
    if (this.#bytes >= FLUSH_BYTES) this.#flushNow();
    else this.#timer ??= setTimeout(() => this.#flushNow(), FLUSH_MS);
  }

  /** Resolves once Kafka accepts writes. Until then events wait. */
  async start(): Promise<void> {
    const { link, topic } = this.#options;
    const sender = await link.sender();
    this.#partitions = await link.partitions(topic);
    this.#sender = sender;
    this.#flushNow();
  }

  /** Writes the rest, or logs how many bytes could not be written. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#timer);
    const given = new AbortController();
    const late = sleep(LAST_WORDS_MS, undefined, { signal: given.signal }).catch(() => undefined);
    await Promise.race([this.#rest(), late]);
    given.abort();
    if (this.#bytes > 0)
      this.#options.log.error({ queuedBytes: this.#bytes }, "could not write the last events of the timeline");
    await this.#sender?.close();
  }

  async #rest(): Promise<void> {
    await this.#sending;
    if (this.#sender) await this.#flush();
  }

  #drop(from: number, to: number, count: number): void {
    this.#dropped += count;
    if (!this.#gap) this.#options.log.warn("events of the timeline are dropped: Kafka takes them too slowly");
    this.#gap = {
      from: Math.min(from, this.#gap?.from ?? from),
      to: Math.max(to, this.#gap?.to ?? to),
      count: (this.#gap?.count ?? 0) + count,
    };
  }

  #flushNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#sender || this.#sending || this.#closing) return;
    this.#sending = this.#flush().finally(() => {
      this.#sending = undefined;
      if (this.#waiting.length > 0 && !this.#closing) this.#timer ??= setTimeout(() => this.#flushNow(), FLUSH_MS);
    });
  }

  /** One send after the other, so that a slow Kafka gets larger ones. */
  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const taken = this.#take();
      await this.#send(taken);
      if (!this.#closing && this.#bytes < FLUSH_BYTES) return;
    }
  }

  #take(): Waiting[] {
    let count = 0;
    for (let bytes = 0; count < this.#waiting.length && bytes < SEND_BYTES; count += 1)
      bytes += this.#waiting[count]!.text.length;
    return this.#waiting.splice(0, count);
  }

  async #send(taken: readonly Waiting[]): Promise<void> {
    const gap = this.#gap;
    const began = performance.now();
    const size = taken.reduce((sum, { text }) => sum + text.length + LINE_BYTES, 0);
    for (let tries = 0; ; tries += 1) {
      try {
        await this.#sender!.send(this.#recordsOf(taken, gap));
        this.#bytes -= size;
        if (gap) this.#written(gap);
        return;
      } catch (error) {
        if (tries === 0)
          this.#options.log.warn({ err: error }, `events of the timeline wait for Kafka: ${messageOf(error)}`);
        if (performance.now() - began >= PATIENCE_MS) {
          this.#bytes -= size;
          this.#drop(taken[0]!.at, taken.at(-1)!.at, taken.length);
          return;
        }
        await backOff(tries, BACKOFF_MS);
      }
    }
  }

  /** Events may have been dropped during the send. They are in the next gap. */
  #written(gap: { from: number; to: number; count: number }): void {
    const now = this.#gap!;
    this.#gap = now === gap ? undefined : { from: gap.to, to: now.to, count: now.count - gap.count };
  }

  #recordsOf(taken: readonly Waiting[], gap: { from: number; to: number; count: number } | undefined): Outgoing[] {
    const { topic } = this.#options;
    const lines = new Map<number, string[]>();
    const add = (key: string, text: string): void => {
      const partition = partitionOf(key, this.#partitions);
      const there = lines.get(partition);
      if (there) there.push(text);
      else lines.set(partition, [text]);
    };
    if (gap) {
      const line: EventLine = [gap.to, "gap", "", "", { from: gap.from, count: gap.count }];
      add("", JSON.stringify(line));
    }
    for (const { key, text } of taken) add(key, text);
    return Array.from(lines).flatMap(([partition, texts]) =>
      chunks(texts).map((chunk) => ({
        topic,
        partition,
        value: Buffer.from(`[${chunk.join(",")}]`),
        headers: this.#headers,
      })),
    );
  }
}

/** Kafka limits the size of a record. */
function chunks(texts: readonly string[]): string[][] {
  const all: string[][] = [];
  let bytes = Infinity;
  for (const text of texts) {
    if (bytes + text.length > RECORD_BYTES) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)!.push(text);
    bytes += text.length;
  }
  return all;
}
