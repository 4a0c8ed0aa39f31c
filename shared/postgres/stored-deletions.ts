import { meters, type Registry } from "#runtime/metrics.ts";
import type { ClientKey, Sequence } from "#protocol/notification.ts";

const LINGER_MS = 50;
const RETRY_MS = 2_000;
const BATCH_CLIENTS = 5_000;
/** Limit of waiting clients: about 20 MB. */
const MOST_CLIENTS = 100_000;

export interface StoredDeletionsOptions {
  /** Deletes each client's stored rows up to its sequence. Returns the clients with rows that another service deletes. */
  remove(acknowledged: ReadonlyMap<ClientKey, Sequence>): Promise<Iterable<ClientKey> | void>;
  /** Called for a failed deletion, which is tried again. */
  failed(error: unknown): void;
  registry: Registry;
}

/**
 * Deletes acknowledged rows, many clients in one statement, one entry a client. A deletion that fails is tried again.
 */
export class StoredDeletions {
  readonly #options: StoredDeletionsOptions;
  readonly #waiting = new Map<ClientKey, Sequence>();
  readonly #forgot: () => void;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  #closed = false;

  constructor(options: StoredDeletionsOptions) {
    this.#options = options;
    const { gauge, tally } = meters(options.registry);
    gauge("deletions_waiting", "Clients whose acknowledged rows are not deleted yet.", () => this.waiting);
    this.#forgot = tally(
      "deletions_forgotten_total",
      "Clients whose acknowledged rows stay until their next acknowledgement, because too many deletions waited.",
    );
  }

  add(key: ClientKey, upTo: Sequence): void {
    const before = this.#waiting.get(key);
    if (before === undefined && this.#waiting.size >= MOST_CLIENTS) {
      this.#forgot();
      return;
    }
    if (before === undefined || before < upTo) this.#waiting.set(key, upTo);
    if (!this.#flushing) this.#timer ??= setTimeout(() => void this.#flush(), LINGER_MS);
  }

  /** Number of clients whose acknowledged rows still exist. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Deletes the waiting rows at the end of the process, as far as Postgres answers. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#flushing;
    for (let before = Infinity; this.#waiting.size > 0 && this.#waiting.size < before;) {
      before = this.#waiting.size;
      await this.#flush();
    }
    clearTimeout(this.#timer);
  }

  /** The other service may have ended before it deleted them. */
  #askAgain(batch: ReadonlyMap<ClientKey, Sequence>, clients: Iterable<ClientKey>): void {
    const again = [...clients];
    if (again.length === 0 || this.#closed) return;
    setTimeout(() => {
      if (!this.#closed) for (const client of again) this.add(client, batch.get(client)!);
    }, RETRY_MS).unref();
  }

  #flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return (this.#flushing ??= this.#flushOne());
  }

  /** One statement at a time: many would take all connections from readers. */
  async #flushOne(): Promise<void> {
    const batch = new Map([...this.#waiting].slice(0, BATCH_CLIENTS));
    for (const key of batch.keys()) this.#waiting.delete(key);
    let next = LINGER_MS;
    try {
      this.#askAgain(batch, (await this.#options.remove(batch)) ?? []);
    } catch (error) {
      this.#options.failed(error);
      next = RETRY_MS;
      for (const [key, upTo] of batch) if ((this.#waiting.get(key) ?? "") < upTo) this.#waiting.set(key, upTo);
    }
    this.#flushing = undefined;
    if (this.#waiting.size > 0) this.#timer = setTimeout(() => void this.#flush(), next);
  }
}
