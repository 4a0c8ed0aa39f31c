import { jittered, problemOf } from "@saasaparilla/shared/problem.ts";
import type { FullClients } from "@saasaparilla/shared/full-clients.ts";
import type { Log } from "@saasaparilla/shared/log.ts";
import { clientKey, type ClientKey } from "@saasaparilla/shared/notification.ts";
import type { Item } from "./parse.ts";

/** Who reads comes back soon; who does not is not worth asking for every second. */
const RETRY_SECONDS = [20, 60] as const;
const MOST = 10_000;

/**
 * For whom no more is taken, as directors have found a few seconds ago. While Postgres is away the last that was read holds:
 * what is accepted beyond the bound meanwhile is stored all the same.
 */
export class Full {
  readonly #source: Pick<FullClients, "all">;
  readonly #log: Log;
  readonly #everyMs: number;
  #clients: ReadonlySet<ClientKey> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(source: Pick<FullClients, "all">, everyMs: number, log: Log) {
    this.#source = source;
    this.#everyMs = everyMs;
    this.#log = log;
  }

  get size(): number {
    return this.#clients.size;
  }

  /** Again and again, until `end`. */
  start(): void {
    void this.refresh().then(() => {
      if (!this.#ended) this.#timer = setTimeout(() => this.start(), this.#everyMs);
    });
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  async refresh(): Promise<void> {
    try {
      this.#clients = new Set(await this.#source.all(MOST));
    } catch (error) {
      this.#log.debug({ err: error }, "who is full was not read");
    }
  }

  /** What is for one of them is not accepted, and the rest goes on. A repeat of what was accepted before has its outcome already. */
  refuse(items: readonly Item[], tenant: string): void {
    if (this.#clients.size === 0) return;
    for (const item of items) {
      const client = item.published?.to.client;
      if (client === undefined || item.outcome !== "open" || !this.#clients.has(clientKey(tenant, client))) continue;
      item.outcome = problemOf("client-full", undefined, { retryAfter: jittered(...RETRY_SECONDS) });
    }
  }
}
