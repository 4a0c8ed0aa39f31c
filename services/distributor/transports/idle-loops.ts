import { CloseCodes, type Close } from "@saasaparilla/shared/protocol/close-codes.ts";
import { tenantOf } from "@saasaparilla/shared/protocol/notification.ts";
import type { Connection } from "#sessions/connection.ts";

/** Ends connections. */
export interface Ender {
  closed(connection: Connection): void;
  end(connection: Connection, close: Close): void;
}

/**
 * Long-poll loops between two polls, the longest idle first. They have no open request, so at every bound on
 * connections they give way to connections in use.
 */
export class IdleLoops {
  readonly #peers: Ender;
  readonly #graceMs: number;
  readonly #timers = new Map<Connection, NodeJS.Timeout>();
  readonly #byTenant = new Map<string, Set<Connection>>();

  /** `graceMs`: how long a loop waits for its next poll. */
  constructor(peers: Ender, graceMs: number) {
    this.#peers = peers;
    this.#graceMs = graceMs;
  }

  get size(): number {
    return this.#timers.size;
  }

  /** The loop ends after the grace, unless it is removed first. */
  add(connection: Connection): void {
    this.remove(connection);
    this.#timers.set(
      connection,
      setTimeout(() => {
        this.remove(connection);
        this.#peers.closed(connection);
      }, this.#graceMs),
    );
    // From the key, which never changes: a new token of the same client replaces the identity.
    const tenant = tenantOf(connection.session.key);
    let loops = this.#byTenant.get(tenant);
    if (!loops) this.#byTenant.set(tenant, (loops = new Set()));
    loops.add(connection);
  }

  closed(connection: Connection): void {
    this.remove(connection);
  }

  /** The loop is polled again, or gone. */
  remove(connection: Connection): void {
    const timer = this.#timers.get(connection);
    if (timer === undefined) return;
    clearTimeout(timer);
    this.#timers.delete(connection);
    const tenant = tenantOf(connection.session.key);
    const loops = this.#byTenant.get(tenant);
    loops?.delete(connection);
    if (loops?.size === 0) this.#byTenant.delete(tenant);
  }

  /** Ends the loop that is idle the longest, of one tenant or of all. False if there is none. */
  giveWay(tenant?: string): boolean {
    const [connection] = tenant === undefined ? this.#timers.keys() : (this.#byTenant.get(tenant) ?? []);
    if (!connection) return false;
    this.remove(connection);
    this.#peers.end(connection, CloseCodes.replaced);
    return true;
  }
}
