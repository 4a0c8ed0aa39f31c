import { classify } from "@saasaparilla/shared/runtime/errors.ts";
import { FairQueue } from "@saasaparilla/shared/fairness/fair-queue.ts";
import { tenantOf } from "@saasaparilla/shared/protocol/notification.ts";
import type { StoredNotifications, StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import type { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import type { DeferredReason } from "#partitions/deferred.ts";
import type { Entry, Lane } from "#lanes/lane.ts";
import type { PartitionLanes } from "#partitions/partition.ts";

/**
 * Inserts for many clients in one statement, in order within one; partitions are shared among a few workers. While Postgres
 * is away, into deferred, as what a tenant has above its share: so live lanes never wait for another client's storage, and nothing grows in memory.
 */
const WORKERS = 4;
const BATCH_ROWS = 2_000;
/** Writing a statement to the socket blocks this process. */
const BATCH_BYTES = 1 << 20;
/** Rows that a tenant of weight 1 inserts in its turn. */
const TURN_ROWS = 250;

interface Job {
  partition: PartitionLanes;
  lane: Lane;
  tenant: string;
  entries: Entry[];
}

export interface WriterReports {
  stored(rows: readonly StoredNotification[]): void;
  deferred(rows: number, reason: DeferredReason): void;
  failed(error: unknown): void;
  /** Postgres refused the data itself: it will never be stored. Resolves once it is kept elsewhere, and so is settled. */
  rejected(row: StoredNotification, error: unknown): Promise<void>;
}

export interface WriterParts {
  stored: StoredNotifications;
  producer: BatchingProducer;
  /** The name of deferred. */
  topic: string;
  weightOf: (tenant: string) => number;
  reports: WriterReports;
}

export class NotificationWriter {
  readonly #stored: StoredNotifications;
  readonly #producer: BatchingProducer;
  readonly #topic: string;
  readonly #reports: WriterReports;
  /** Tenants take turns: nobody waits for all of what another one stores. In order within a tenant, and so within a client. */
  readonly #queues: FairQueue<Job, true>[];
  readonly #busy: boolean[] = Array.from({ length: WORKERS }, () => false);

  constructor({ stored, producer, topic, weightOf, reports }: WriterParts) {
    this.#queues = Array.from({ length: WORKERS }, () => new FairQueue(weightOf, TURN_ROWS));
    this.#stored = stored;
    this.#producer = producer;
    this.#topic = topic;
    this.#reports = reports;
  }

  add(partition: PartitionLanes, lane: Lane, entries: Entry[]): void {
    const worker = partition.partition % WORKERS;
    const queue = this.#queues[worker]!;
    const tenant = tenantOf(lane.key);
    const job = { partition, lane, tenant, entries };
    // Behind what its tenant has queued already.
    if (partition.deferredQueue.active(tenant) && !queue.has(tenant)) {
      this.#defer(job, false);
      return;
    }
    queue.set(tenant, job, true);
    partition.inserting.take(tenant, entries);
    if (this.#busy[worker]) return;
    this.#busy[worker] = true;
    setImmediate(() => void this.#work(worker));
  }

  /** Inserts what was deferred; answers whether it is in Postgres now. */
  drain(rows: readonly StoredNotification[]): Promise<boolean> {
    return this.#insert(rows);
  }

  /** Into Kafka instead, where it is as safe; in order, behind all that was deferred before. `away`: Postgres is, for all tenants. */
  #defer({ partition, lane, tenant, entries }: Job, away: boolean): void {
    const line = partition.deferredQueue.appending(tenant, away);
    this.#reports.deferred(entries.length, line.reason);
    entries.forEach(({ sequence, body, record: { appended } }, index) => {
      this.#producer.add(
        this.#topic,
        partition.partition,
        (writer) => writer.deferred({ appended, sequence, body }),
        // Packs are sent in order: with the last entry all of them are in the topic.
        index < entries.length - 1
          ? undefined
          : (error, offset) => {
              if (error) return;
              partition.dispatch(lane, { type: "inserted", count: entries.length });
              partition.appendedDeferred(line, offset);
            },
      );
    });
  }

  async #work(worker: number): Promise<void> {
    const queue = this.#queues[worker]!;
    while (queue.size > 0) {
      // Between two inserts: of what is deferred none may be under way, or be queued before it.
      const jobs = take(queue).filter((job) => !this.#setAside(job));
      if (jobs.length === 0) {
        // Much may be deferred: others have their turn in between.
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      const rows = jobs.flatMap(({ lane, entries }) => entries.map((entry) => toRow(lane, entry)));
      if (await this.#insert(rows)) {
        for (const job of jobs) {
          leave(job);
          job.partition.dispatch(job.lane, { type: "inserted", count: job.entries.length });
        }
      } else {
        // Postgres is away: these, and what is queued behind them, in their order.
        for (const job of [...jobs, ...rest(queue)]) {
          leave(job);
          if (job.partition.owned) this.#defer(job, true);
        }
      }
    }
    this.#busy[worker] = false;
  }

  /** Defers what its tenant has above its share, and what is behind that. */
  #setAside(job: Job): boolean {
    const { partition, tenant } = job;
    if (!partition.deferredQueue.active(tenant) && !partition.inserting.over(tenant)) return false;
    leave(job);
    this.#defer(job, false);
    return true;
  }

  /** False where Postgres is away. */
  async #insert(rows: readonly StoredNotification[]): Promise<boolean> {
    if (rows.length === 0) return true;
    try {
      await this.#stored.insert(rows);
      this.#reports.stored(rows);
      return true;
    } catch (error) {
      if (classify(error) !== "reject") {
        this.#reports.failed(error);
        return false;
      }
      if (rows.length === 1) {
        await this.#reports.rejected(rows[0]!, error);
        return true;
      }
      // At least one of them is at fault: it is searched by halves, in order.
      const half = rows.length >> 1;
      return (await this.#insert(rows.slice(0, half))) && this.#insert(rows.slice(half));
    }
  }
}

/** The next batch, whole jobs in order. What belongs to a partition that was lost is its new owner's to store. */
function take(queue: FairQueue<Job, true>): Job[] {
  const jobs: Job[] = [];
  let rows = 0;
  let bytes = 0;
  while (rows < BATCH_ROWS && bytes < BATCH_BYTES) {
    const [job] = queue.shift(rowsOf) ?? [];
    if (!job) break;
    if (!job.partition.owned) continue;
    rows += job.entries.length;
    for (const { body } of job.entries) bytes += body.length;
    jobs.push(job);
  }
  return jobs;
}

function* rest(queue: FairQueue<Job, true>): Iterable<Job> {
  for (let next = queue.shift(); next; next = queue.shift()) yield next[0];
}

/** It waits for Postgres no more. */
function leave({ partition, tenant, entries }: Job): void {
  partition.inserting.give(tenant, entries);
}

const rowsOf = ({ entries }: Job): number => entries.length;

function toRow({ key }: Lane, { sequence, expires, body, record: { appended } }: Entry): StoredNotification {
  return { client: key, sequence, appended, expires: expires === 0 ? undefined : expires, body };
}
