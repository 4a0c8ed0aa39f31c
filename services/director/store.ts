import { classify } from "@saasaparilla/shared/errors.ts";
import type { Stored, StoredNotification } from "@saasaparilla/shared/stored.ts";
import type { ClientKey, Sequence } from "@saasaparilla/shared/notification.ts";
import type { Entry, Lane } from "./lane.ts";
import type { PartitionLanes } from "./partition.ts";

/** Inserts for many clients in one statement, in order within one. Partitions are shared among a few workers. */
const WORKERS = 4;
const BATCH_ROWS = 2_000;
const BATCH_BYTES = 4 << 20;

interface Job {
  partition: PartitionLanes;
  lane: Lane;
  entries: Entry[];
}

export interface StoreReports {
  stored(rows: number): void;
  failed(error: unknown): void;
  /** Postgres refused the data itself: it will never be stored. */
  rejected(job: { lane: Lane; entry: Entry }, error: unknown): void;
}

export class Store {
  readonly #stored: Stored;
  readonly #reports: StoreReports;
  readonly #queues: Job[][] = Array.from({ length: WORKERS }, () => []);
  readonly #busy: boolean[] = Array.from({ length: WORKERS }, () => false);
  readonly #deletions = new Map<ClientKey, Sequence>();

  constructor(stored: Stored, reports: StoreReports) {
    this.#stored = stored;
    this.#reports = reports;
  }

  add(partition: PartitionLanes, lane: Lane, entries: Entry[]): void {
    const worker = partition.partition % WORKERS;
    this.#queues[worker]!.push({ partition, lane, entries });
    if (this.#busy[worker]) return;
    this.#busy[worker] = true;
    setImmediate(() => void this.#work(worker));
  }

  /** A row that was acknowledged while it was being inserted. Where the delete fails, the client's next acknowledgement repeats it. */
  delete(key: ClientKey, upTo: Sequence): void {
    if (this.#deletions.size === 0) {
      setTimeout(() => {
        const batch = new Map(this.#deletions);
        this.#deletions.clear();
        this.#stored.deleteUpTo(batch).catch((error: unknown) => this.#reports.failed(error));
      }, 50);
    }
    if ((this.#deletions.get(key) ?? "") < upTo) this.#deletions.set(key, upTo);
  }

  async #work(worker: number): Promise<void> {
    const queue = this.#queues[worker]!;
    while (queue.length > 0) {
      const jobs = take(queue);
      if (jobs.length > 0) await this.#insert(jobs);
      for (const { partition, lane, entries } of jobs)
        partition.dispatch(lane, { type: "inserted", count: entries.length });
    }
    this.#busy[worker] = false;
  }

  async #insert(jobs: Job[]): Promise<void> {
    const rows = jobs.flatMap(({ lane, entries }) => entries.map((entry) => toRow(lane, entry)));
    for (let backoff = 100; ; backoff = Math.min(backoff * 2, 2_000)) {
      try {
        await this.#stored.insert(rows);
        this.#reports.stored(rows.length);
        return;
      } catch (error) {
        if (classify(error) === "reject") {
          if (jobs.length === 1 && rows.length === 1) {
            this.#reports.rejected({ lane: jobs[0]!.lane, entry: jobs[0]!.entries[0]! }, error);
            return;
          }
          // One of them is at fault: each by itself, so that only that one is rejected.
          for (const { partition, lane, entries } of jobs) {
            for (const entry of entries) await this.#insert([{ partition, lane, entries: [entry] }]);
          }
          return;
        }
        this.#reports.failed(error);
        await new Promise((resolve) => setTimeout(resolve, backoff * (0.5 + Math.random() / 2)));
        if (jobs.every(({ partition }) => !partition.owned)) return;
      }
    }
  }
}

/** The next batch, whole jobs in order. What belongs to a partition that was lost is its new owner's to store. */
function take(queue: Job[]): Job[] {
  let count = 0;
  let rows = 0;
  let bytes = 0;
  while (count < queue.length && rows < BATCH_ROWS && bytes < BATCH_BYTES) {
    const { entries } = queue[count]!;
    rows += entries.length;
    for (const { body } of entries) bytes += body.length;
    count += 1;
  }
  return queue.splice(0, count).filter(({ partition }) => partition.owned);
}

function toRow({ key }: Lane, { sequence, appended, expires, body }: Entry): StoredNotification {
  return { client: key, sequence, appended, expires: expires === 0 ? undefined : expires, body };
}
