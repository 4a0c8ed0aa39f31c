import { classify } from "@saasaparilla/shared/runtime/errors.ts";
import { FairQueue } from "@saasaparilla/shared/fairness/fair-queue.ts";
import { tenantOf } from "@saasaparilla/shared/protocol/notification.ts";
import type { StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import type { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import type { DeferredReason } from "#partitions/deferred.ts";
import type { Entry, Lane } from "#lanes/lane.ts";
import type { LaneEvents } from "#partitions/lane-events.ts";
import type { PartitionLanes } from "#partitions/partition.ts";

/**
 * Inserts for many clients in one statement, in order within a client. A few workers share the partitions. While
 * Postgres is away, all notifications go to deferred; so do those above a tenant's share. So live lanes never wait for
 * another client's storage, and memory stays bounded.
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
  /** Why the lane stores them. */
  why: string;
}

export interface WriterReports {
  stored(rows: readonly StoredNotification[]): void;
  deferred(rows: number, reason: DeferredReason): void;
  failed(error: unknown): void;
  /**
   * Postgres refused the data itself and will never store it. Resolves when the row is kept elsewhere, and so is
   * settled.
   */
  rejected(row: StoredNotification, error: unknown): Promise<void>;
}

export interface WriterParts {
  stored: { insert(rows: readonly StoredNotification[]): Promise<void> };
  producer: BatchingProducer;
  /** The name of deferred. */
  topic: string;
  events: Pick<LaneEvents, "stored" | "deferred">;
  weightOf: (tenant: string) => number;
  reports: WriterReports;
}

export class NotificationWriter {
  readonly #stored: WriterParts["stored"];
  readonly #producer: BatchingProducer;
  readonly #topic: string;
  readonly #reports: WriterReports;
  readonly #events: WriterParts["events"];
  /**
   * Tenants take turns, so no tenant waits for everything that another stores. Order holds within a tenant, and so
   * within a client.
   */
  readonly #queues: FairQueue<Job, true>[];
  readonly #busy: boolean[] = Array.from({ length: WORKERS }, () => false);

  constructor({ stored, producer, topic, events, weightOf, reports }: WriterParts) {
    this.#queues = Array.from({ length: WORKERS }, () => new FairQueue(weightOf, TURN_ROWS));
    this.#stored = stored;
    this.#producer = producer;
    this.#topic = topic;
    this.#reports = reports;
    this.#events = events;
  }

  add(partition: PartitionLanes, lane: Lane, entries: Entry[], why: string): void {
    const worker = partition.partition % WORKERS;
    const queue = this.#queues[worker]!;
    const tenant = tenantOf(lane.key);
    const job = { partition, lane, tenant, entries, why };
    // Only after the tenant's queued jobs, to keep their order.
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

  /** Inserts deferred rows. Returns whether they are in Postgres now. */
  async drain(rows: readonly StoredNotification[]): Promise<boolean> {
    const drained = await this.#insert(rows);
    if (drained) for (const row of rows) this.#events.stored(row.client, [row], "deferred");
    return drained;
  }

  /**
   * Writes to Kafka instead, which is equally durable, behind everything deferred earlier. `away`: Postgres is away, so
   * all tenants are deferred.
   */
  #defer({ partition, lane, tenant, entries }: Job, away: boolean): void {
    const line = partition.deferredQueue.appending(tenant, away);
    this.#reports.deferred(entries.length, line.reason);
    entries.forEach(({ sequence, body, record: { appended } }, index) => {
      this.#producer.add(
        this.#topic,
        partition.partition,
        (writer) => writer.deferred({ appended, sequence, body }),
        // Packs are sent in order, so the last entry confirms all of them.
        index < entries.length - 1
          ? undefined
          : (error, offset) => {
              if (error) return;
              this.#events.deferred(lane.key, entries, line.reason);
              partition.dispatch(lane, { type: "inserted", count: entries.length });
              partition.appendedDeferred(line, offset);
            },
      );
    });
  }

  async #work(worker: number): Promise<void> {
    const queue = this.#queues[worker]!;
    while (queue.size > 0) {
      // Called between two inserts: a deferred job must have no running insert, and no queued job before it.
      const jobs = take(queue).filter((job) => !this.#setAside(job));
      if (jobs.length === 0) {
        // Many jobs may be deferred. Other work gets a turn in between.
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      const rows = jobs.flatMap(({ lane, entries }) => entries.map((entry) => toRow(lane, entry)));
      if (await this.#insert(rows)) {
        for (const job of jobs) {
          leave(job);
          this.#events.stored(job.lane.key, job.entries, job.why);
          job.partition.dispatch(job.lane, { type: "inserted", count: job.entries.length });
        }
      } else {
        // Postgres is away: these jobs and those queued behind them are deferred, in order.
        for (const job of [...jobs, ...rest(queue)]) {
          leave(job);
          if (job.partition.owned) this.#defer(job, true);
        }
      }
    }
    this.#busy[worker] = false;
  }

  /** Defers the part above the tenant's share, and everything behind it. */
  #setAside(job: Job): boolean {
    const { partition, tenant } = job;
    if (!partition.deferredQueue.active(tenant) && !partition.inserting.over(tenant)) return false;
    leave(job);
    this.#defer(job, false);
    return true;
  }

  /** False if Postgres is away. */
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
      // At least one row is at fault. Halving finds it, in order.
      const half = rows.length >> 1;
      return (await this.#insert(rows.slice(0, half))) && this.#insert(rows.slice(half));
    }
  }
}

/** The next batch: whole jobs in order. Jobs of a lost partition are left to its new owner. */
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

/** The job no longer waits for Postgres. */
function leave({ partition, tenant, entries }: Job): void {
  partition.inserting.give(tenant, entries);
}

const rowsOf = ({ entries }: Job): number => entries.length;

function toRow({ key }: Lane, { sequence, expires, body, options, record: { appended } }: Entry): StoredNotification {
  return { client: key, sequence, appended, expires: expires === 0 ? undefined : expires, body, options };
}
