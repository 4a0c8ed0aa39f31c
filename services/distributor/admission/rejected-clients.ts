/** However many were refused, nobody is sent away for much longer. */
export const FARTHEST_SECONDS = 60;
/** A browser asks why it was refused so long after it, at most (R9). */
const RECENT_MS = 10_000;
/** Tenants that are told apart. The rest share a queue: names come from tokens that nobody has checked yet. */
const MOST_TENANTS = 100;
const THE_REST = "";

interface Queue {
  weight: number;
  /** ms: when the last one refused has its turn. */
  until: number;
  refusedAt: number;
}

/**
 * Those who are refused stand in queues of which only the length is kept, one for each tenant: each is told the time that its tenant's
 * part of the rate needs for those before it. So they come back as fast as they can be taken in, and nobody waits for another tenant's crowd.
 * Pure: times are passed in, in ms.
 */
export class RejectedClients {
  readonly #rate: number;
  readonly #weightOf: (tenant: string) => number;
  /** The one that was refused last is the last. */
  readonly #queues = new Map<string, Queue>();

  /** `rate`: turns in a second, of all tenants. */
  constructor(rate: number, weightOf: (tenant: string) => number) {
    this.#rate = rate;
    this.#weightOf = weightOf;
  }

  /** One more is refused: ms until its turn. */
  add(tenant: string, now: number): number {
    this.#forget(now);
    const name = this.#queues.has(tenant) || this.#queues.size < MOST_TENANTS ? tenant : THE_REST;
    const weight = this.#weightOf(tenant);
    const before = this.#queues.get(name)?.until ?? now;
    this.#queues.delete(name);
    let all = weight;
    for (const queue of this.#queues.values()) if (queue.until > now) all += queue.weight;
    const turn = (1_000 / this.#rate) * (all / weight);
    const until = Math.min(Math.max(before, now) + turn, now + FARTHEST_SECONDS * 1_000);
    this.#queues.set(name, { weight, until, refusedAt: now });
    return until - now;
  }

  /** ms until the turn of the last one that was refused; undefined where nobody was of late. */
  last(tenant: string, now: number): number | undefined {
    const queue = this.#queues.get(tenant) ?? this.#queues.get(THE_REST);
    return queue && now - queue.refusedAt < RECENT_MS ? Math.max(0, queue.until - now) : undefined;
  }

  #forget(now: number): void {
    for (const [name, { until, refusedAt }] of this.#queues) {
      if (until > now || now - refusedAt < RECENT_MS) return;
      this.#queues.delete(name);
    }
  }
}
