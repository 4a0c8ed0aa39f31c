/** No client waits much longer than this, however many were refused. */
export const FARTHEST_SECONDS = 60;
/** The longest time after which a browser asks why it was refused (R9). */
const RECENT_MS = 10_000;
/**
 * The most tenants with a queue of their own. The rest share a queue, because the names come from unverified tokens.
 */
const MOST_TENANTS = 100;
const THE_REST = "";

interface Queue {
  weight: number;
  /** ms: the turn of the last refused client. */
  until: number;
  refusedAt: number;
}

/**
 * Refused clients wait in queues, one for each tenant. We keep only each queue's length. Each client is told the time
 * until its turn, at its tenant's part of the rate. So clients return as fast as they can be admitted, and no client
 * waits for another tenant's crowd. Pure: times are passed in, in ms.
 */
export class RejectedClients {
  readonly #rate: number;
  readonly #weightOf: (tenant: string) => number;
  /** The tenant with the latest refusal is last. */
  readonly #queues = new Map<string, Queue>();

  /** `rate`: turns per second, of all tenants. */
  constructor(rate: number, weightOf: (tenant: string) => number) {
    this.#rate = rate;
    this.#weightOf = weightOf;
  }

  /** Adds one refused client. Returns the ms until its turn. */
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

  /** ms until the turn of the last refused client; undefined if none was refused recently. */
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
