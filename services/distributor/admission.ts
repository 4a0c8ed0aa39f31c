/** What a newcomer may be refused at. */
export type Bound = "connections" | "handovers" | "rate";

export interface AdmissionLimits {
  /** Connections a second, and at once after a rest. */
  rate: number;
  burst: number;
  /** Connections that were taken in and are not live yet. */
  handovers: number;
  connections: number;
}

/** A handover that takes longer waits for its own reader or for a store that is away, and keeps nobody else out. */
const HANDOVER_MS = 10_000;
/** However many were refused, nobody is sent away for much longer. */
export const FARTHEST_SECONDS = 60;
/** Give or take so much of its place in the queue, a refused one comes back. */
const JITTER = 0.25;
/** A browser asks why it was refused so long after it, at most (R9). */
const RECENT_MS = 10_000;

/**
 * Who may come in now: a token bucket, and two bounds. Those who are refused stand in a queue that nobody keeps: each is
 * told the time that the bucket needs for those refused before it, so that they come back as fast as they can be taken in.
 * Pure: the time is passed in, in ms, and so is chance.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  /** Session to when it came in, oldest first. */
  readonly #handovers = new Map<number, number>();
  #tokens: number;
  /** Refused, and their turn has not come yet. */
  #owed = 0;
  #at: number;
  #refusedAt = -Infinity;

  constructor(limits: AdmissionLimits, now: number) {
    this.#limits = limits;
    this.#tokens = limits.burst;
    this.#at = now;
  }

  /** What a newcomer is refused at right now; it takes nothing. */
  bound(now: number, connections: number): Bound | undefined {
    if (connections >= this.#limits.connections) return "connections";
    if (this.handovers(now) >= this.#limits.handovers) return "handovers";
    return this.tokens(now) < 1 ? "rate" : undefined;
  }

  /** One comes in, where nothing is in its way. */
  take(now: number, connections: number): Bound | undefined {
    const bound = this.bound(now, connections);
    if (bound === undefined) this.#tokens -= 1;
    return bound;
  }

  /** One is refused: the seconds after which it is to come back. */
  refuse(now: number, random: number): number {
    this.#pass(now);
    this.#owed = Math.min(this.#owed + 1, FARTHEST_SECONDS * this.#limits.rate);
    this.#refusedAt = now;
    return this.#comeBack(random);
  }

  /** The same for one who asks why it was refused; undefined where nobody was of late. */
  refused(now: number, random: number): number | undefined {
    this.#pass(now);
    return now - this.#refusedAt < RECENT_MS ? this.#comeBack(random) : undefined;
  }

  handoverBegan(session: number, now: number): void {
    this.#handovers.set(session, now);
  }

  /** It is live, or gone. */
  handoverEnded(session: number): void {
    this.#handovers.delete(session);
  }

  handovers(now: number): number {
    for (const [session, began] of this.#handovers) {
      if (now - began < HANDOVER_MS) break;
      this.#handovers.delete(session);
    }
    return this.#handovers.size;
  }

  tokens(now: number): number {
    this.#pass(now);
    return this.#tokens;
  }

  #comeBack(random: number): number {
    const place = this.#owed / this.#limits.rate;
    return Math.max(1, Math.ceil(place * (1 - JITTER + 2 * JITTER * random)));
  }

  #pass(now: number): void {
    const passed = (Math.max(0, now - this.#at) / 1_000) * this.#limits.rate;
    this.#at = Math.max(this.#at, now);
    this.#tokens = Math.min(this.#limits.burst, this.#tokens + passed);
    this.#owed = Math.max(0, this.#owed - passed);
  }
}
