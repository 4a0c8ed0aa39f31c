import { KeyedLimiter } from "#rate-limits/keyed-limiter.ts";

/** All addresses together cause at most so many times as many checks as one. */
const ADDRESSES = 10;

/**
 * Checks of signatures for addresses over their rate of refusals: a few, so that a good token that is not known yet gets in from there.
 * A check that finds a good token costs its address nothing.
 */
export class Checks {
  readonly #each: KeyedLimiter;
  readonly #all: KeyedLimiter;

  constructor(rate: number) {
    this.#each = new KeyedLimiter({ rate, burst: Math.ceil(rate) });
    this.#all = new KeyedLimiter({ rate: rate * ADDRESSES, burst: Math.ceil(rate) * ADDRESSES });
  }

  /** Whether one more may be made. It is counted. */
  take(network: string, now: number): boolean {
    return this.#each.late(network, now) === undefined && this.#all.late("", now) === undefined;
  }

  /** The check that was counted last found a good token. */
  giveBack(network: string, now: number): void {
    this.#each.giveBack(network, now);
    this.#all.giveBack("", now);
  }
}
