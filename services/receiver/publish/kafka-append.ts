import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Health } from "@saasaparilla/shared/runtime/health.ts";
import type { KafkaLink, Outgoing } from "@saasaparilla/shared/kafka/client.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import type { ReceiverMetrics } from "#metrics.ts";
import { unavailable, unknownOutcome } from "./append-problems.ts";
import { bytesOf } from "./item-cost.ts";
import { ItemWriter, type Origin, type ReceiverTopics } from "./item-writer.ts";
import type { Item } from "./item.ts";
import { WaitingAppends } from "./waiting-appends.ts";

/**
 * Appends to Kafka, or reports failure. While Kafka is known to be away, nothing is queued, and one probe at a time
 * checks for it. If a send fails, everything queued is withdrawn and never sent later. If one takes too long for a
 * request, the packer's items and the rest of their requests are withdrawn. The outcome of the items in that send is
 * unknown.
 */
export interface AppendOptions {
  PACE_MS: number;
  ANSWER_MS: number;
  STALL_MS: number;
}

interface From extends Origin {
  arrived: number;
}

interface Waiting {
  items: readonly Item[];
  from: From;
  /** The number of items that the packer has, and may send. */
  given: number;
  /** The packer lost an item of it. A later item must not be sent, because it may be for the same client. */
  withdrawn: boolean;
  open: number;
  /** On the clock of performance.now(). */
  deadline: number;
  resolve: () => void;
}

interface AppendParts {
  metrics: Pick<ReceiverMetrics, "watch" | "late" | "packed">;
  health: Pick<Health, "up" | "down">;
  log: Pick<Log, "info" | "warn">;
  weightOf: (tenant: string) => number;
}

type Link = Pick<KafkaLink, "sender" | "partitions" | "present">;
type Sender = Awaited<ReturnType<KafkaLink["sender"]>>;

const PACK_BYTES = 256 * 1024;
const SEND_BYTES = 1024 * 1024;
/** The most bytes that the packer has to send next. Further items take turns by tenant. */
const NEXT_BYTES = 512 * 1024;
const SWEEP_MS = 50;
const WITHDRAWN = new Error("It was withdrawn before it was sent.");
const LATE = new Error("Kafka has not answered in time.");

export class Appender {
  readonly #link: Link;
  readonly #topics: ReceiverTopics;
  readonly #options: AppendOptions;
  readonly #parts: AppendParts;
  readonly #producer: BatchingProducer;
  readonly #waiting = new Set<Waiting>();
  readonly #queue: WaitingAppends<Waiting>;
  readonly #sweeper: NodeJS.Timeout;
  readonly #writer: ItemWriter;
  #sender: Sender | undefined;
  #up = false;
  #looking = false;
  #sendingSince: number | undefined;

  constructor(link: Link, topics: ReceiverTopics, options: AppendOptions, parts: AppendParts) {
    this.#link = link;
    this.#topics = topics;
    this.#writer = new ItemWriter(topics);
    this.#options = options;
    this.#parts = parts;
    this.#queue = new WaitingAppends(parts.weightOf);
    this.#producer = new BatchingProducer({
      send: (records) => this.#send(records),
      paceMs: options.PACE_MS,
      maxPackBytes: PACK_BYTES,
      maxSendBytes: SEND_BYTES,
      onFailure: "fail",
      failed: (error) => this.#failed(error),
      sent: () => this.#handOn(),
    });
    parts.metrics.watch({ queuedBytes: () => this.queuedBytes, kafkaUp: () => Number(this.available) });
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  /** Resolves when Kafka was reached for the first time. No caller waits for it. */
  async start(): Promise<void> {
    this.#sender = await this.#link.sender();
    await this.#recover();
  }

  get queuedBytes(): number {
    return this.#producer.queuedBytes + this.#queue.bytes;
  }

  /** Whether a send is worth trying: Kafka answered last time, and no current send is stalled. */
  get available(): boolean {
    return (
      this.#up && !(this.#sendingSince !== undefined && performance.now() - this.#sendingSince > this.#options.STALL_MS)
    );
  }

  /** Resolves in time when every open item has its outcome, whatever Kafka does. */
  append(items: readonly Item[], from: From): Promise<void> {
    return new Promise((resolve) => {
      const open = items.filter(({ outcome }) => outcome === "open");
      if (open.length === 0) {
        resolve();
        return;
      }
      const deadline = from.arrived + this.#options.ANSWER_MS;
      const waiting: Waiting = { items, from, given: 0, withdrawn: false, open: open.length, deadline, resolve };
      this.#waiting.add(waiting);
      const taken = this.#queue.empty ? this.#give(open, waiting, this.#room) : 0;
      if (taken < open.length) this.#queue.add(from.tenant, waiting, taken === 0 ? open : open.slice(taken));
    });
  }

  get #room(): number {
    return NEXT_BYTES - this.#producer.queuedBytes;
  }

  /** Gives items to the packer while it has room, in bytes. */
  #give(items: readonly Item[], waiting: Waiting, room: number): number {
    let taken = 0;
    for (let left = room; taken < items.length && left > 0; taken += 1) {
      const item = items[taken]!;
      left -= bytesOf(item);
      if (item.outcome !== "open") continue;
      this.#add(item, waiting.from, waiting);
    }
    return taken;
  }

  /** After each send, decides whose turn it is. While anything waits here, the packer has data to send. */
  #handOn(): void {
    for (let room = this.#queue.empty ? 0 : this.#room; room > 0;) {
      const slice = this.#queue.shift();
      if (!slice) return;
      this.#give(slice.items, slice.waiting, Infinity);
      room -= slice.bytes;
    }
  }

  /** Withdraws what the packer would send next, and the queued rest of these requests. Others keep their turns. */
  #withdrawPacked(): void {
    if (this.#producer.queuedBytes === 0) return;
    this.#producer.withdraw(WITHDRAWN);
    for (const waiting of this.#waiting) if (waiting.withdrawn) this.#refuseQueued(waiting);
  }

  /** A request's items are given in order, so its queued ones follow those in the current send. */
  #refuseQueued(waiting: Waiting): void {
    let sending = waiting.given;
    for (const item of waiting.items)
      if (item.outcome === "open" && (sending -= 1) < 0) this.#settle(waiting, item, WITHDRAWN);
  }

  /** Withdrawn items whose send has not begun never reach Kafka. */
  #withdraw(): void {
    this.#producer.withdraw(WITHDRAWN);
    for (let slice = this.#queue.shift(); slice; slice = this.#queue.shift())
      for (const item of slice.items) this.#settle(slice.waiting, item, WITHDRAWN);
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    await this.#producer.drained();
    await this.#sender?.close();
  }

  #add(item: Item, from: From, waiting: Waiting): void {
    const place = this.#writer.placeOf(item, from);
    if (!place) {
      void this.#lookForDispatch();
      this.#settle(waiting, item, WITHDRAWN);
      return;
    }
    waiting.given += 1;
    this.#producer.add(place.topic, place.partition, place.write, (error) => {
      waiting.given -= 1;
      if (error === WITHDRAWN) waiting.withdrawn = true;
      this.#settle(waiting, item, error);
    });
  }

  #settle(waiting: Waiting, item: Item, error: unknown): void {
    if (item.outcome !== "open") {
      // Its publisher was told that the outcome is unknown.
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
    this.#parts.log.warn({ err: error }, "a send to Kafka failed: publishing is refused until Kafka answers");
    this.#withdraw();
    void this.#recover();
  }

  /** A failed send comes only after this has ended, because only one runs at a time. */
  async #recover(): Promise<void> {
    const { accepted } = this.#topics;
    const partitions = await this.#link.partitions(accepted);
    this.#writer.partitions.accepted = partitions;
    this.#up = true;
    this.#parts.health.up("accepting");
    this.#parts.log.info({ topic: accepted, partitions }, "Kafka accepts writes");
    void this.#lookForDispatch();
  }

  /** A platform whose upgrade is not finished may not have the topic yet. Nothing but publications waits for it. */
  async #lookForDispatch(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const { dispatch } = this.#topics;
      this.#writer.partitions.dispatch = (await this.#link.present([dispatch])).get(dispatch) ?? 0;
    } finally {
      this.#looking = false;
    }
  }

  #sweep(): void {
    const now = performance.now();
    if (this.#up && !this.available) this.#parts.health.down("accepting", "a send is unanswered");
    for (const waiting of this.#waiting) {
      if (waiting.deadline > now) continue;
      // If Kafka is too slow for this request, it is too slow for what the packer sends next.
      if (waiting.given > 0) this.#withdrawPacked();
      this.#refuseQueued(waiting);
      for (const item of waiting.items) if (item.outcome === "open") this.#settle(waiting, item, LATE);
    }
    // The packer may be empty now. A current send hands on when it ends; without one, nothing else would.
    if (this.#sendingSince === undefined) this.#handOn();
  }
}
