import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { FullInboxes } from "@saasaparilla/shared/postgres/full-inboxes.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import type { LimitsOf } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import type { DirectorMetrics } from "#metrics.ts";

/** Over so many clients nobody counts what is stored for whom: who is forgotten begins anew. */
const MOST_CLIENTS = 100_000;
/** Clients whose rows are looked at by one statement. */
const AT_ONCE = 50;
/** A client is counted each time that a tenth of its bound was stored for it. */
const SHARE = 10;

export interface FullInboxMarkerParts {
  fullInboxes: Pick<FullInboxes, "mark" | "clearRead" | "toCount" | "clear">;
  limitsOf: LimitsOf;
  metrics: Pick<DirectorMetrics, "failed">;
  log: Log;
}

/** Finds out who has as many stored as its tenant allows, and who has room again. What is stored stays: publishers are refused. */
export class FullInboxMarker {
  readonly #parts: FullInboxMarkerParts;
  /** Stored since it was looked at last; longest untouched first. */
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

  /** To be called every few seconds. Where Postgres is away, what is due stays due. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { fullInboxes, metrics, log } = this.#parts;
    try {
      while (this.#due.size > 0) {
        const clients = [...this.#due].slice(0, AT_ONCE);
        const marked = await fullInboxes.mark(new Map(clients.map((client) => [client, this.#mostOf(client)])));
        for (const client of clients) this.#due.delete(client);
        for (const client of marked) log.warn({ client }, "full: publishing to it is refused until it has read");
      }
      const cleared = await fullInboxes.clearRead();
      const counted = await fullInboxes.toCount();
      if (counted !== undefined && (await fullInboxes.clear(counted, this.#mostOf(counted)))) cleared.push(counted);
      for (const client of cleared) log.info({ client }, "there is room for it again");
    } catch (error) {
      metrics.failed("postgres");
      log.warn({ err: error }, `who is full is not known, and is asked again: ${messageOf(error)}`);
    } finally {
      this.#looking = false;
    }
  }

  #mostOf(client: ClientKey): number {
    return this.#parts.limitsOf(client.slice(0, client.indexOf("/"))).stored;
  }
}
