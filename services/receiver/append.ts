import { jittered, problemOf } from "@saasaparilla/shared/problem.ts";
import { messageOf } from "@saasaparilla/shared/errors.ts";
import type { Health } from "@saasaparilla/shared/health.ts";
import type { KafkaLink, Outgoing } from "@saasaparilla/shared/kafka.ts";
import type { Log } from "@saasaparilla/shared/log.ts";
import { clientKey, partitionOf } from "@saasaparilla/shared/notification.ts";
import type { NewNotification, PackWriter } from "@saasaparilla/shared/pack.ts";
import { Packer } from "@saasaparilla/shared/packer.ts";
import type { ReceiverMetrics } from "./metrics.ts";
import type { Item } from "./parse.ts";

/**
 * Into Kafka, or an honest no. While Kafka is known to be away nothing is queued: one probe at a time looks for it. What is
 * queued when a send fails or takes too long is withdrawn, and is never sent later; of what was in that send the outcome is unknown.
 */
export interface AppendOptions {
  PACE_MS: number;
  ANSWER_MS: number;
  STALL_MS: number;
}

interface Waiting {
  items: readonly Item[];
  open: number;
  /** On the clock of performance.now(). */
  deadline: number;
  resolve: () => void;
}

type Sender = Awaited<ReturnType<KafkaLink["sender"]>>;

const PACK_BYTES = 256 * 1024;
const SEND_BYTES = 1024 * 1024;
const SWEEP_MS = 50;
const WITHDRAWN = new Error("It was withdrawn before it was sent.");

export class Appender {
  readonly #link: KafkaLink;
  readonly #topic: string;
  readonly #options: AppendOptions;
  readonly #parts: { metrics: ReceiverMetrics; health: Health; log: Log };
  readonly #packer: Packer;
  readonly #waiting = new Set<Waiting>();
  readonly #sweeper: NodeJS.Timeout;
  #sender: Sender | undefined;
  #partitions = 0;
  #up = false;
  #sendingSince: number | undefined;

  constructor(
    link: KafkaLink,
    topic: string,
    options: AppendOptions,
    parts: { metrics: ReceiverMetrics; health: Health; log: Log },
  ) {
    this.#link = link;
    this.#topic = topic;
    this.#options = options;
    this.#parts = parts;
    this.#packer = new Packer({
      send: (records) => this.#send(records),
      paceMs: options.PACE_MS,
      maxPackBytes: PACK_BYTES,
      maxSendBytes: SEND_BYTES,
      onFailure: "fail",
      failed: (error) => this.#failed(error),
    });
    parts.metrics.watch({ queuedBytes: () => this.queuedBytes, kafkaUp: () => Number(this.available) });
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  /** Resolves when Kafka was reached for the first time; nothing waits for that. */
  async start(): Promise<void> {
    this.#sender = await this.#link.sender();
    await this.#recover();
  }

  get queuedBytes(): number {
    return this.#packer.queuedBytes;
  }

  /** Whether it is worth trying: Kafka was there last time, and does not leave a send without an answer now. */
  get available(): boolean {
    return (
      this.#up && !(this.#sendingSince !== undefined && performance.now() - this.#sendingSince > this.#options.STALL_MS)
    );
  }

  /** Resolves when every open item has its outcome: in time, whatever Kafka does. */
  append(items: readonly Item[], from: { tenant: string; traceparent: string; arrived: number }): Promise<void> {
    return new Promise((resolve) => {
      const waiting: Waiting = { items, open: 0, deadline: from.arrived + this.#options.ANSWER_MS, resolve };
      for (const item of items) if (item.outcome === "open") waiting.open += 1;
      if (waiting.open === 0) {
        resolve();
        return;
      }
      this.#waiting.add(waiting);
      for (const item of items) if (item.outcome === "open") this.#add(item, from, waiting);
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    await this.#packer.drained();
    await this.#sender?.close();
  }

  /** One for all: it is copied into the pack at once. */
  readonly #notification: NewNotification = {
    key: "",
    id: "",
    ttl: 0,
    event: "",
    traceparent: "",
    payload: Buffer.alloc(0),
  };
  readonly #write = (writer: PackWriter): void => writer.notification(this.#notification);

  #add(item: Item, from: { tenant: string; traceparent: string }, waiting: Waiting): void {
    const { to, ttl = 0, event = "" } = item.published!;
    const notification = this.#notification;
    notification.key = clientKey(from.tenant, to.client);
    notification.id = item.id;
    notification.ttl = ttl;
    notification.event = event;
    notification.traceparent = from.traceparent;
    notification.payload = item.payload;
    this.#packer.add(this.#topic, partitionOf(notification.key, this.#partitions), this.#write, (error) =>
      this.#settle(waiting, item, error),
    );
  }

  #settle(waiting: Waiting, item: Item, error: unknown): void {
    if (item.outcome !== "open") {
      // Its publisher was told that the outcome is not known.
      if (error === undefined) this.#parts.metrics.late();
      return;
    }
    item.outcome = error === undefined ? "accepted" : error === WITHDRAWN ? unavailable() : unknownOutcome();
    waiting.open -= 1;
    if (waiting.open > 0) return;
    this.#waiting.delete(waiting);
    waiting.resolve();
  }

  async #send(records: Outgoing[]): Promise<number[]> {
    this.#sendingSince = performance.now();
    try {
      const offsets = await this.#sender!.send(records);
      for (const { value } of records) this.#parts.metrics.packed(value.readUInt16BE(1), value.length);
      this.#parts.health.up("accepting");
      return offsets;
    } finally {
      this.#sendingSince = undefined;
    }
  }

  #failed(error: unknown): void {
    this.#up = false;
    this.#parts.health.down("accepting", messageOf(error));
    this.#parts.log.warn({ err: error }, "Kafka did not take a send; until it answers again, nothing is accepted");
    this.#packer.withdraw(WITHDRAWN);
    void this.#recover();
  }

  /** A failed send comes only after this has ended: there is one at a time. */
  async #recover(): Promise<void> {
    this.#partitions = await this.#link.partitions(this.#topic);
    this.#up = true;
    this.#parts.health.up("accepting");
    this.#parts.log.info({ topic: this.#topic, partitions: this.#partitions }, "Kafka accepts");
  }

  #sweep(): void {
    const now = performance.now();
    if (this.#up && !this.available) this.#parts.health.down("accepting", "a send is unanswered");
    for (const waiting of this.#waiting) {
      if (waiting.deadline > now) continue;
      // Too slow for this one is too slow for all that is queued behind it.
      this.#packer.withdraw(WITHDRAWN);
      for (const item of waiting.items)
        if (item.outcome === "open") this.#settle(waiting, item, new Error("Kafka has not answered in time."));
    }
  }
}

export function unavailable() {
  return problemOf("unavailable", undefined, { retryAfter: jittered(1, 5) });
}

function unknownOutcome() {
  return problemOf("outcome-unknown", undefined, { retryAfter: jittered(1, 5) });
}
