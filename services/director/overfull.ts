import { messageOf } from "@saasaparilla/shared/errors.ts";
import type { Log } from "@saasaparilla/shared/log.ts";
import type { ClientKey } from "@saasaparilla/shared/notification.ts";
import type { Stored, StoredNotification } from "@saasaparilla/shared/stored.ts";
import type { LimitsOf } from "@saasaparilla/shared/tenant-limits.ts";
import type { DirectorMetrics } from "./metrics.ts";

/** Over so many clients nobody counts what is stored for whom: who is forgotten begins anew. */
const MOST_CLIENTS = 100_000;
/** Clients whose rows are looked at by one statement. */
const AT_ONCE = 50;
/** A client is looked at each time that a tenth of its bound was stored for it: between two looks it has so much more, at most. */
const SHARE = 10;

export interface OverfullParts {
  stored: Pick<Stored, "trim">;
  limitsOf: LimitsOf;
  metrics: Pick<DirectorMetrics, "dropped" | "failed">;
  log: Log;
}

/**
 * No client has more stored than its tenant allows: of what is over it, the oldest goes, logged and counted one by one, as what
 * expires does. Who is never there to read keeps the newest.
 */
export class Overfull {
  readonly #parts: OverfullParts;
  /** Stored since it was looked at last; longest untouched first. */
  readonly #since = new Map<ClientKey, number>();
  readonly #due = new Set<ClientKey>();

  constructor(parts: OverfullParts) {
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

  /** Takes away what is too much. Where Postgres is away, the next time. */
  async trim(): Promise<void> {
    const { stored, metrics, log } = this.#parts;
    while (this.#due.size > 0) {
      const clients = [...this.#due].slice(0, AT_ONCE);
      try {
        const dropped = await stored.trim(new Map(clients.map((client) => [client, this.#mostOf(client)])));
        metrics.dropped(dropped.length);
        for (const { client, notification } of dropped)
          log.warn({ client, notification }, "dropped: its client has too many");
      } catch (error) {
        metrics.failed("postgres");
        log.warn({ err: error }, `what is too much was not taken away, and is tried again: ${messageOf(error)}`);
        return;
      }
      for (const client of clients) this.#due.delete(client);
    }
  }

  #mostOf(client: ClientKey): number {
    return this.#parts.limitsOf(client.slice(0, client.indexOf("/"))).stored;
  }
}
