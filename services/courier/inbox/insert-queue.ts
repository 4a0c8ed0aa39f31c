import { FairQueue } from "@saasaparilla/shared/fairness/fair-queue.ts";
import { backOff, type BackoffRange } from "@saasaparilla/shared/runtime/backoff.ts";
import { classify } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { InboxItem } from "./items.ts";

/** An item that waits, and its source. */
export interface WaitingItem<Source extends { readonly dropped: boolean } = { readonly dropped: boolean }> {
  item: InboxItem;
  source: Source;
}

export interface InsertQueueOptions<Waiting extends WaitingItem> {
  /** A `retry` repeats it with the same items. A `reject` is about one of them. */
  insert: (items: readonly InboxItem[]) => Promise<void>;
  /** These are inserted, or can never be. */
  settled: (waiting: readonly Waiting[]) => void;
  rejected: (item: InboxItem, error: unknown) => void;
  weightOf: (tenant: string) => number;
  metrics: { retried(): void };
  log: Log;
  fatal: (error: unknown) => void;
  paceMs?: number;
  backoffMs?: BackoffRange;
}

/** Concurrent statements, and the limits of each. */
const STATEMENTS = 2;
const MOST_ROWS = 500;
const MOST_BYTES = 1 << 20;
/** A statement costs about the same for one row as for ten, so fewer rows wait for others for this time, in ms. */
const PACE_MS = 50;
const BACKOFF_MS: BackoffRange = [100, 2_000];
/** What a tenant inserts in its turn, in bytes. */
const TURN_BYTES = 16 << 10;
const ROW_BYTES = 256;

const costOf = ({ item }: WaitingItem): number => ROW_BYTES + item.data.length;

/**
 * Inserts the items of all partitions in batches. Tenants take turns, so none waits for all items of another. The
 * partitions' bounds of waiting bytes bound this queue.
 */
export class InsertQueue<Waiting extends WaitingItem> {
  readonly #options: InsertQueueOptions<Waiting>;
  readonly #waiting: FairQueue<Waiting, true>;
  readonly #running = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: InsertQueueOptions<Waiting>) {
    this.#options = options;
    this.#waiting = new FairQueue(options.weightOf, TURN_BYTES);
  }

  add(waiting: Waiting): void {
    this.#waiting.set(waiting.item.tenant, waiting, true);
    if (this.#waiting.size >= MOST_ROWS) this.#begin();
    else this.#timer ??= setTimeout(() => this.#begin(), this.#options.paceMs ?? PACE_MS);
  }

  /** Forgets items of dropped sources: their next owner inserts them. */
  forgetDropped(): void {
    for (const [tenant, line] of this.#waiting.lines())
      for (const waiting of line.keys()) if (waiting.source.dropped) this.#waiting.delete(tenant, waiting);
  }

  /** Resolves when no statement runs. Items of dropped sources wait for nothing. */
  async idle(): Promise<void> {
    this.forgetDropped();
    await Promise.all(this.#running);
  }

  #begin(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#waiting.size > 0 && this.#running.size < STATEMENTS) {
      const run = this.#insert(this.#take()).then(() => {
        this.#running.delete(run);
        if (this.#waiting.size >= MOST_ROWS) this.#begin();
        else if (this.#waiting.size > 0) this.#timer ??= setTimeout(() => this.#begin(), PACE_MS);
      });
      this.#running.add(run);
    }
  }

  #take(): Waiting[] {
    const taken: Waiting[] = [];
    for (let bytes = 0; taken.length < MOST_ROWS && bytes < MOST_BYTES;) {
      const next = this.#waiting.shift(costOf);
      if (!next) break;
      bytes += costOf(next[0]);
      taken.push(next[0]);
    }
    // Two statements that insert the same rows in different orders would wait for each other.
    return taken.toSorted((a, b) => (a.item.sequence < b.item.sequence ? -1 : 1));
  }

  /** Ends when all are settled or dropped. */
  async #insert(batch: readonly Waiting[]): Promise<void> {
    const { insert, settled, rejected, metrics, log, fatal, backoffMs = BACKOFF_MS } = this.#options;
    let left = batch;
    for (let tries = 0; left.length > 0; tries += 1) {
      try {
        await insert(left.map(({ item }) => item));
        return settled(left);
      } catch (error) {
        const kind = classify(error);
        if (kind === "fatal") return fatal(error);
        if (kind === "reject") {
          const half = left.length >> 1;
          if (half > 0) {
            await this.#insert(left.slice(0, half));
            return this.#insert(left.slice(half));
          }
          rejected(left[0]!.item, error);
          return settled(left);
        }
        metrics.retried();
        log.warn({ err: error, items: left.length }, "an insert into inboxes failed: it is tried again");
        await backOff(tries, backoffMs);
        left = left.filter(({ source }) => !source.dropped);
      }
    }
  }
}
