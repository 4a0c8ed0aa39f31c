import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { FullInboxes } from "@saasaparilla/shared/postgres/full-inboxes.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { isQueueKey, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import type { LimitsOf } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import type { DirectorMetrics } from "#metrics.ts";

/** The most clients with a count. A client above the bound is forgotten, and its count restarts at zero. */
const MOST_CLIENTS = 100_000;
/** Clients that one statement checks. */
const AT_ONCE = 50;
/** Queues that one check counts. Of other clients it counts one: most of them have room when they have read a part. */
const MOST_COUNTS = 20;
/** A client's rows are counted each time that a tenth of its bound was stored for it. */
const SHARE = 10;

export interface FullInboxMarkerParts {
  fullInboxes: Pick<FullInboxes, "mark" | "clearRead" | "toCount" | "clear">;
  limitsOf: LimitsOf;
  metrics: Pick<DirectorMetrics, "failed">;
  log: Log;
}

/**
 * Finds clients with as many stored rows as their tenant allows, and clients with room again. Stored rows stay;
 * publishers are refused.
 */
export class FullInboxMarker {
  readonly #parts: FullInboxMarkerParts;
  /** Rows stored since the last check; the client with the oldest change comes first. */
  readonly #since = new Map<ClientKey, number>();
  readonly #due = new Set<ClientKey>();
  #looking = false;

  constructor(parts: FullInboxMarkerParts) {
    this.#parts = parts;
  }

  inserted(rows: readonly StoredNotification[]): void {
    for (const { client } of rows) {
      const count = (this.#since.get(client) ?? 0) + 1;
      this.#since.delete(client);
      if (count * SHARE < this.#mostOf(client)) this.#since.set(client, count);
      else this.#due.add(client);
    }
    for (const oldest of this.#since.keys()) {
      if (this.#since.size <= MOST_CLIENTS) break;
      this.#since.delete(oldest);
    }
  }

  /** Call it every few seconds. If Postgres is away, due clients stay due. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { fullInboxes, metrics, log } = this.#parts;
    try {
      while (this.#due.size > 0) {
        const clients = [...this.#due].slice(0, AT_ONCE);
        const marked = await fullInboxes.mark(new Map(clients.map((client) => [client, this.#mostOf(client)])));
        for (const client of clients) this.#due.delete(client);
        for (const client of marked)
          log.warn({ client }, "Client inbox full: publishing to this client is refused until it reads");
      }
      const cleared = await fullInboxes.clearRead();
      for (let counts = 0; counts < MOST_COUNTS; counts += 1) {
        const counted = await fullInboxes.toCount();
        if (counted === undefined) break;
        if (await fullInboxes.clear(counted, this.#mostOf(counted))) cleared.push(counted);
        if (!isQueueKey(counted)) break;
      }
      for (const client of cleared) log.info({ client }, "Client inbox has room again");
    } catch (error) {
      metrics.failed("postgres");
      log.warn({ err: error }, `the check of full inboxes failed and will be retried: ${messageOf(error)}`);
    } finally {
      this.#looking = false;
    }
  }

  #mostOf(client: ClientKey): number {
    return this.#parts.limitsOf(client.slice(0, client.indexOf("/"))).stored;
  }
}
