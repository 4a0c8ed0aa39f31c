import { backOff, type BackoffRange } from "@saasaparilla/shared/runtime/backoff.ts";
import type { Incoming } from "@saasaparilla/shared/kafka/client.ts";
import {
  GroupConsumer,
  type GroupConsumerOptions,
  type OwnedPartition,
} from "@saasaparilla/shared/kafka/group-consumer.ts";
import { classify } from "@saasaparilla/shared/runtime/errors.ts";
import type { RecorderMetrics } from "#metrics.ts";
import { DAY_MS, readRows, type EventRow, type GapRow } from "./rows.ts";

export interface EventConsumerOptions extends GroupConsumerOptions {
  /** A `retry` repeats it with the same rows. A `reject` is about one of them. */
  write: (events: readonly EventRow[], gaps: readonly GapRow[]) => Promise<void>;
  /** The last record of a partition that is in the timeline. */
  last: (partition: number) => Promise<{ offset: number; at: number } | undefined>;
  /** Names this process in gaps. */
  instance: string;
  /** The days that are kept. */
  days: number;
  /** ms since 1970: only for the age of events. */
  wall: () => number;
  metrics: Pick<RecorderMetrics, "read" | "paused" | "watch" | "rows" | "gaps" | "retried">;
  fatal: (error: unknown) => void;
}

/** Records that are written together, of one partition each. */
const MOST_RECORDS = 500;
const MOST_ROWS = 4_000;
/** Fewer rows wait for others for this time, in ms: a statement costs about the same for one row as for ten. */
const PACE_MS = 100;
const BACKOFF_MS: BackoffRange = [100, 2_000];

interface Taken {
  owned: OwnedPartition;
  records: readonly Incoming[];
}

/**
 * Writes the topic events to the timeline, the partitions in turns, one statement after the other. If Kafka has deleted
 * records that were never read, a gap says so.
 */
export class EventConsumer extends GroupConsumer {
  readonly #options: EventConsumerOptions;
  /** The next offset of each partition, and the time of what came before. */
  readonly #expected = new WeakMap<OwnedPartition, { offset: number; at: number }>();
  #working: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: EventConsumerOptions) {
    super(options);
    this.#options = options;
  }

  protected override changed(): void {
    // Each partition is looked up before its first record is written.
  }

  protected override arrived(): void {
    if (!this.#working) this.#timer ??= setTimeout(() => this.#begin(), PACE_MS);
  }

  protected override async idle(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#working;
  }

  #begin(): void {
    this.#timer = undefined;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      // A record can arrive after the last look and before this.
      if (this.#take().length > 0) this.#timer ??= setTimeout(() => this.#begin(), PACE_MS);
    });
  }

  async #work(): Promise<void> {
    try {
      for (let taken = this.#take(); taken.length > 0; taken = this.#take()) if (!(await this.#settle(taken))) return;
    } catch (error) {
      this.#options.fatal(error);
    }
  }

  /** The first records of each partition. */
  #take(): Taken[] {
    const all: Taken[] = [];
    for (const owned of this.owned.values())
      if (owned.waiting.length > 0 && !owned.dropped)
        all.push({ owned, records: owned.waiting.slice(0, MOST_RECORDS) });
    return all;
  }

  /** False if all partitions were dropped before the rows were written. */
  async #settle(taken: readonly Taken[]): Promise<boolean> {
    for (const { owned, records } of taken) {
      const events: EventRow[] = [];
      const gaps: GapRow[] = [];
      let count = 0;
      for (const record of records) {
        if (count > 0 && events.length >= MOST_ROWS) break;
        const missing = await this.#missing(owned, record);
        if (missing) gaps.push(missing);
        this.#read(owned, record, events, gaps);
        count += 1;
      }
      if (!(await this.#write(owned, events, gaps))) continue;
      this.settled(owned, count);
    }
    return taken.some(({ owned }) => !owned.dropped);
  }

  #read(owned: OwnedPartition, record: Incoming, events: EventRow[], gaps: GapRow[]): void {
    const { days, wall, metrics, log } = this.#options;
    const read = readRows(record, owned.partition);
    this.#expected.set(owned, { offset: record.offset + 1, at: record.appended });
    for (const reason of read.bad)
      log.warn({ partition: owned.partition, offset: record.offset, reason }, "an event cannot be read");
    metrics.rows("bad", read.bad.length);
    // Its day may have no table any more. Clocks differ a little.
    const oldest = Math.floor(wall() / DAY_MS) - days;
    if (Math.floor(record.appended / DAY_MS) <= oldest) {
      metrics.rows("expired", read.events.length + read.gaps.length);
      return;
    }
    events.push(...read.events);
    gaps.push(...read.gaps);
  }

  /** The gap before this record, if Kafka deleted records before they were read. */
  async #missing(owned: OwnedPartition, { offset, appended }: Incoming): Promise<GapRow | undefined> {
    const { last, instance, metrics, log } = this.#options;
    let expected = this.#expected.get(owned);
    for (let tries = 0; !expected; tries += 1) {
      try {
        const before = await last(owned.partition);
        expected = before ? { offset: before.offset + 1, at: before.at } : { offset, at: appended };
      } catch (error) {
        metrics.retried();
        log.warn({ err: error }, "the timeline cannot be read yet");
        await backOff(tries, BACKOFF_MS);
        if (owned.dropped) return undefined;
      }
    }
    const count = offset - expected.offset;
    if (count <= 0) return undefined;
    const { partition } = owned;
    log.error({ partition, offset, records: count }, "Kafka deleted records of events before they were recorded");
    const day = Math.floor(appended / DAY_MS);
    // An item that no event has.
    const place = { day, partition, offset, item: -1 };
    return { ...place, service: "recorder", instance, began: expected.at, ended: appended, count };
  }

  /** False if the partition was dropped before. */
  async #write(owned: OwnedPartition, events: readonly EventRow[], gaps: readonly GapRow[]): Promise<boolean> {
    const { write, metrics, log } = this.#options;
    for (let tries = 0; ; tries += 1) {
      try {
        await write(events, gaps);
        return true;
      } catch (error) {
        const kind = classify(error);
        if (kind === "fatal") throw error;
        if (kind === "reject") {
          if (events.length > 1) {
            const half = events.length >> 1;
            return (
              (await this.#write(owned, events.slice(0, half), gaps)) && this.#write(owned, events.slice(half), [])
            );
          }
          if (events.length === 1 && gaps.length > 0)
            return (await this.#write(owned, [], gaps)) && this.#write(owned, events, []);
          metrics.rows("bad");
          log.error({ err: error, partition: owned.partition }, "Postgres cannot store an event: it is left out");
          return true;
        }
        metrics.retried();
        if (tries === 0) log.warn({ err: error }, "events wait for Postgres");
        await backOff(tries, BACKOFF_MS);
        if (owned.dropped) return false;
      }
    }
  }
}
