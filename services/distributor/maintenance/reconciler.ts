import type { ClientKey, Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { StoredNotifications } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import type { DistributorMetrics } from "#metrics.ts";
import type { Connection } from "#sessions/connection.ts";
import type { Hub } from "#sessions/hub.ts";

/** The safety net for missed wake-ups: asks Postgres whether it has rows for clients that count as up to date. */
const CLIENTS_AT_ONCE = 1_000;

export interface SafetyNetParts {
  hub: Pick<Hub, "all" | "step">;
  stored: Pick<StoredNotifications, "waiting">;
  metrics: Pick<DistributorMetrics, "netted">;
  failed: (error: unknown) => void;
  roundMs: number;
}

export class Reconciler {
  readonly #parts: SafetyNetParts;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #ended = false;

  constructor(parts: SafetyNetParts) {
    this.#parts = parts;
    this.#schedule();
  }

  /** One round over all live sessions, spread over `spreadMs`. */
  async round(spreadMs: number): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      const live = [...this.#parts.hub.all()].filter(({ session }) => session.state === "LIVE");
      // Asks even without live sessions, so that a recovery of Postgres is noticed.
      const chunks = Math.max(1, Math.ceil(live.length / CLIENTS_AT_ONCE));
      for (let index = 0; index < chunks && !this.#ended; index += 1) {
        if (index > 0) await new Promise((resolve) => setTimeout(resolve, spreadMs / chunks));
        await this.#ask(live.slice(index * CLIENTS_AT_ONCE, (index + 1) * CLIENTS_AT_ONCE));
      }
    } catch (error) {
      this.#parts.failed(error);
    } finally {
      this.#running = false;
    }
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  async #ask(connections: Connection[]): Promise<void> {
    const sent = new Map<ClientKey, Sequence>();
    for (const { session } of connections) {
      const other = sent.get(session.key);
      if (other === undefined || session.sent < other) sent.set(session.key, session.sent);
    }
    const waiting = new Set(await this.#parts.stored.waiting(sent));
    for (const connection of connections) {
      if (!waiting.has(connection.session.key)) continue;
      this.#parts.metrics.netted(1);
      this.#parts.hub.step(connection, { type: "waiting" });
    }
  }

  #schedule(): void {
    if (this.#ended) return;
    this.#timer = setTimeout(
      () => void this.round(this.#parts.roundMs / 2).then(() => this.#schedule()),
      this.#parts.roundMs * (0.75 + Math.random() / 2),
    );
  }
}
