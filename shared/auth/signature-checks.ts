import { KeyedLimiter } from "#rate-limits/keyed-limiter.ts";

/** All addresses together may cause this many times the checks of one. */
const ADDRESSES = 10;

/**
 * Signature checks for addresses over their rate of refusals. There are a few, so that a good new token still gets in
 * from there. A check that finds a good token costs its address nothing.
 */
export class Checks {
  readonly #each: KeyedLimiter;
  readonly #all: KeyedLimiter;

  constructor(rate: number) {
    this.#each = new KeyedLimiter({ rate, burst: Math.ceil(rate) });
    this.#all = new KeyedLimiter({ rate: rate * ADDRESSES, burst: Math.ceil(rate) * ADDRESSES });
  }

  /** Whether one more check is allowed. It is counted. */
  take(network: string, now: number): boolean {
    return this.#each.late(network, now) === undefined && this.#all.late("", now) === undefined;
  }

  /** The last counted check found a good token. */
  giveBack(network: string, now: number): void {
    this.#each.giveBack(network, now);
    this.#all.giveBack("", now);
  }
}
