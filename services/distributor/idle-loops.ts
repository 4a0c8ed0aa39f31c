import { tenantOf } from "@saasaparilla/shared/notification.ts";
import type { Peer } from "./peer.ts";

export interface IdleLoopsOptions {
  /** ms that a loop waits for its next poll. */
  graceMs: number;
  /** Its next poll did not come in time. */
  expired(peer: Peer): void;
  /** Another connection needs its place. */
  replaced(peer: Peer): void;
}

/**
 * Long-poll loops between two polls, the longest idle first. No request is open for them, so at every bound on connections they
 * give way to connections that are in use.
 */
export class IdleLoops {
  readonly #options: IdleLoopsOptions;
  readonly #timers = new Map<Peer, NodeJS.Timeout>();
  readonly #byTenant = new Map<string, Set<Peer>>();

  constructor(options: IdleLoopsOptions) {
    this.#options = options;
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
        this.#options.expired(peer);
      }, this.#options.graceMs),
    );
    // By the key, which stays: a new token of the same client replaces the identity.
    const tenant = tenantOf(peer.session.key);
    let loops = this.#byTenant.get(tenant);
    if (!loops) this.#byTenant.set(tenant, (loops = new Set()));
    loops.add(peer);
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
    this.#options.replaced(peer);
    return true;
  }
}
