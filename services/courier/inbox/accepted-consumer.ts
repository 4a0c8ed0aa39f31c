import type { InboxOf } from "@saasaparilla/shared/auth/policies/tenant-inbox.ts";
import { backOff, type BackoffRange } from "@saasaparilla/shared/runtime/backoff.ts";
import type { Batch, GroupReader, Incoming } from "@saasaparilla/shared/kafka/client.ts";
import {
  GroupConsumer,
  type GroupConsumerOptions,
  type OwnedPartition,
} from "@saasaparilla/shared/kafka/group-consumer.ts";
import { RecentIds } from "@saasaparilla/shared/kafka/recent-ids.ts";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { CourierMetrics } from "#metrics.ts";
import { InsertQueue, type InsertQueueOptions, type WaitingItem } from "./insert-queue.ts";
import { readItems } from "./items.ts";

interface RecordItem extends WaitingItem<OwnedPartition> {
  record: Incoming;
}

export interface AcceptedConsumerOptions
  extends GroupConsumerOptions, Pick<InsertQueueOptions<RecordItem>, "insert" | "weightOf" | "fatal"> {
  epoch: number;
  inboxOf: InboxOf;
  /** By partition: its end, where the group has never committed. */
  neverCommitted: () => Promise<ReadonlyMap<number, number>>;
  /** What is published from now on, to partitions that this courier owns, goes to inboxes. */
  started: () => void;
  /** ms since 1970: only for the age of notifications. */
  wall: () => number;
  metrics: Pick<CourierMetrics, "read" | "paused" | "watch" | "items" | "retried">;
}

const BACKOFF_MS: BackoffRange = [100, 2_000];
const DAY_MS = 86_400_000;

/**
 * Reads accepted into inboxes. The items of what waits are inserted in turns of their tenants: the order of inserts
 * means nothing, because lists are computed when they are read. A record is settled when all its items are inserted.
 */
export class AcceptedConsumer extends GroupConsumer {
  readonly #options: AcceptedConsumerOptions;
  readonly #queue: InsertQueue<RecordItem>;
  /** The items of each waiting record that are not inserted yet. */
  readonly #left = new WeakMap<Incoming, number>();
  /** As directors do: a repeat with a collapse key would delete a row that came between. */
  readonly #recent = new WeakMap<OwnedPartition, RecentIds>();
  /** The first offset to read. Nothing is read from a partition before it is known. */
  readonly #from = new WeakMap<OwnedPartition, number>();
  readonly #finding = new WeakSet<OwnedPartition>();
  readonly #used = Promise.withResolvers<GroupReader>();

  constructor(options: AcceptedConsumerOptions) {
    super(options);
    this.#options = options;
    const { metrics, log } = options;
    this.#queue = new InsertQueue({
      ...options,
      settled: (items) => this.#inserted(items),
      rejected({ client, sequence }, error) {
        metrics.items("bad");
        log.error(
          { client, sequence, reason: messageOf(error) },
          "Postgres cannot store a notification: it is left out",
        );
      },
    });
  }

  override use(reader: GroupReader): void {
    super.use(reader);
    this.#used.resolve(reader);
  }

  override read(batch: Batch): boolean {
    const owned = this.owned.get(batch.partition);
    const from = owned && this.#from.get(owned);
    if (from === undefined) return false;
    if (owned!.next !== undefined || (batch.records[0]?.offset ?? from) >= from) return super.read(batch);
    this.reader!.seek(batch.topic, batch.partition, from);
    return false;
  }

  protected override changed(): void {
    this.#queue.forgetDropped();
    const fresh = Array.from(this.owned.values()).filter(
      (owned) => !this.#from.has(owned) && !this.#finding.has(owned),
    );
    for (const owned of fresh) this.#finding.add(owned);
    void this.#findStarts(fresh);
  }

  protected override arrived(owned: OwnedPartition, records: readonly Incoming[]): void {
    const { epoch, inboxOf, wall, metrics, log } = this.#options;
    const now = wall();
    const recent = this.#recent.get(owned) ?? new RecentIds();
    this.#recent.set(owned, recent);
    for (const record of records) {
      const { items, unlisted, bad } = readItems(record, epoch, inboxOf);
      for (const reason of bad)
        log.warn({ partition: owned.partition, offset: record.offset, reason }, "a notification cannot be read");
      metrics.items("bad", bad.length);
      metrics.items("unlisted", unlisted);
      const fresh = items.filter(({ id, client }) => !recent.repeated(id, client));
      metrics.items("repeated", items.length - fresh.length);
      // Its week may have no table any more.
      const young = fresh.filter(({ tenant, appended }) => now - appended < (inboxOf(tenant)?.days ?? 0) * DAY_MS);
      metrics.items("expired", fresh.length - young.length);
      this.#left.set(record, young.length);
      for (const item of young) this.#queue.add({ item, source: owned, record });
    }
    this.#settle(owned);
  }

  protected override idle(): Promise<void> {
    return this.#queue.idle();
  }

  /**
   * A group without a commit begins at the end: what was published before is in no inbox. The end is committed before
   * anything is read, because a successor would begin at a later end and miss what came between.
   */
  async #findStarts(fresh: readonly OwnedPartition[]): Promise<void> {
    const { topic, neverCommitted, started, log } = this.#options;
    const reader = await this.#used.promise;
    for (let tries = 0; ; tries += 1) {
      const owned = fresh.filter(({ dropped }) => !dropped);
      if (owned.length === 0) return started();
      try {
        const ends = await neverCommitted();
        const begun = owned.flatMap(({ partition }) => {
          const offset = ends.get(partition);
          return offset === undefined ? [] : [{ topic, partition, offset }];
        });
        if (begun.length > 0) await reader.commit(begun);
        for (const one of owned) this.#from.set(one, ends.get(one.partition) ?? 0);
        return started();
      } catch (error) {
        log.warn({ err: error }, "the first offsets of partitions are not known yet");
        await backOff(tries, BACKOFF_MS);
      }
    }
  }

  #inserted(items: readonly RecordItem[]): void {
    for (const { record } of items) this.#left.set(record, this.#left.get(record)! - 1);
    for (const owned of new Set(items.map(({ source }) => source))) this.#settle(owned);
  }

  #settle(owned: OwnedPartition): void {
    let done = 0;
    while (done < owned.waiting.length && this.#left.get(owned.waiting[done]!) === 0) done += 1;
    if (done > 0) this.settled(owned, done);
  }
}
