import { LRUCache } from "lru-cache";
import { taken, type Rate } from "./gcra.ts";

const MOST = 50_000;

/**
 * Rate limits by name: an LRU of token buckets. Only buckets that are not full are kept, up to a bound. Over the bound,
 * the least recently used is evicted and starts again full.
 */
export class KeyedLimiter {
  readonly #rate: Rate;
  readonly #fullAt = new LRUCache<string, number>({ max: MOST });

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  get any(): boolean {
    return this.#fullAt.size > 0;
  }

  /** Seconds to wait, or undefined if it may proceed now; then it is counted. `rate`: its own. */
  late(name: string, now: number, rate: Rate = this.#rate): number | undefined {
    // A refusal does not renew a bucket's place, hence `peek`.
    const before = this.#fullAt.peek(name) ?? 0;
    const fullAt = taken(before, now, rate);
    if (fullAt === undefined) return wait(before, now, rate);
    this.#fullAt.set(name, fullAt);
    // Full buckets go first: they are the oldest.
    for (const oldest of this.#fullAt.rkeys()) {
      if (this.#fullAt.peek(oldest)! > now) break;
      this.#fullAt.delete(oldest);
    }
    return undefined;
  }

  /** Undoes the last count. */
  giveBack(name: string, now: number): void {
    const fullAt = (this.#fullAt.peek(name) ?? 0) - 1_000 / this.#rate.rate;
    if (fullAt > now) this.#fullAt.set(name, fullAt);
    else this.#fullAt.delete(name);
  }

  /** The same as `late`, without a count. */
  spent(name: string, now: number): number | undefined {
    const before = this.#fullAt.peek(name);
    return before === undefined || taken(before, now, this.#rate) !== undefined
      ? undefined
      : wait(before, now, this.#rate);
  }
}

function wait(fullAt: number, now: number, { rate, burst }: Rate): number {
  return Math.max(1, Math.ceil((fullAt - now) / 1_000 - (burst - 1) / rate));
}
