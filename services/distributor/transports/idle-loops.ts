import { Closes, type Close } from "@saasaparilla/shared/protocol/close-codes.ts";
import { tenantOf } from "@saasaparilla/shared/protocol/notification.ts";
import type { Peer } from "#sessions/connection.ts";

/** Ends connections. */
export interface Ender {
  closed(peer: Peer): void;
  end(peer: Peer, close: Close): void;
}

/**
 * Long-poll loops between two polls, the longest idle first. No request is open for them, so at every bound on connections they
 * give way to connections that are in use.
 */
export class IdleLoops {
  readonly #peers: Ender;
  readonly #graceMs: number;
  readonly #timers = new Map<Peer, NodeJS.Timeout>();
  readonly #byTenant = new Map<string, Set<Peer>>();

  /** `graceMs`: a loop waits so long for its next poll. */
  constructor(peers: Ender, graceMs: number) {
    this.#peers = peers;
    this.#graceMs = graceMs;
  }

  get size(): number {
    return this.#timers.size;
  }

  /** Ends after the grace, unless it is taken out before. */
  add(peer: Peer): void {
    this.remove(peer);
    this.#timers.set(
      peer,
      setTimeout(() => {
        this.remove(peer);
        this.#peers.closed(peer);
      }, this.#graceMs),
    );
    // By the key, which stays: a new token of the same client replaces the identity.
    const tenant = tenantOf(peer.session.key);
    let loops = this.#byTenant.get(tenant);
    if (!loops) this.#byTenant.set(tenant, (loops = new Set()));
    loops.add(peer);
  }

  closed(peer: Peer): void {
    this.remove(peer);
  }

  /** It is polled again, or gone. */
  remove(peer: Peer): void {
    const timer = this.#timers.get(peer);
    if (timer === undefined) return;
    clearTimeout(timer);
    this.#timers.delete(peer);
    const tenant = tenantOf(peer.session.key);
    const loops = this.#byTenant.get(tenant);
    loops?.delete(peer);
    if (loops?.size === 0) this.#byTenant.delete(tenant);
  }

  /** Ends the loop that has been idle for longest, of one tenant or of all. False where there is none. */
  giveWay(tenant?: string): boolean {
    const [peer] = tenant === undefined ? this.#timers.keys() : (this.#byTenant.get(tenant) ?? []);
    if (!peer) return false;
    this.remove(peer);
    this.#peers.end(peer, Closes.replaced);
    return true;
  }
}
