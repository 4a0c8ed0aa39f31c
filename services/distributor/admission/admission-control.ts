import { FairShare, type Part } from "@saasaparilla/shared/fairness/fair-share.ts";
import { RejectedClients } from "./rejected-clients.ts";

/** The bounds at which a new connection is refused. */
export type Bound = "connections" | "handovers" | "rate";

export interface AdmissionLimits {
  /** Connections per second, and the burst after a rest. */
  rate: number;
  burst: number;
  /** Connections that are admitted and not live yet. */
  handovers: number;
  connections: number;
}

/** A longer handover waits for its own reader or for an unavailable store. It no longer counts against others. */
const HANDOVER_MS = 10_000;
const JITTER = 0.25;

/**
 * Decides which connections may enter now: a token bucket, and two bounds. Each tenant has a share of the bucket and of
 * the handovers. What a tenant takes from the bucket counts until it is refilled, oldest first. Pure: the time in ms
 * and randomness are passed in.
 */
export class AdmissionControl {
  readonly #limits: AdmissionLimits;
  readonly #rejected: RejectedClients;
  /** By session, oldest first. */
  readonly #handovers = new Map<number, { began: number; part: Part }>();
  readonly #handoverShares: FairShare;
  readonly #bucketShares: FairShare;
  /** The parts that took tokens not refilled yet, oldest first from #refilled on. Their number is at most the burst. */
  #taken: Part[] = [];
  #refilled = 0;
  #tokens: number;
  #at: number;

  constructor(limits: AdmissionLimits, now: number, weightOf: (tenant: string) => number = () => 1) {
    this.#limits = limits;
    this.#rejected = new RejectedClients(limits.rate, weightOf);
    this.#handoverShares = new FairShare(limits.handovers, weightOf);
    this.#bucketShares = new FairShare(limits.burst, weightOf);
    this.#tokens = limits.burst;
    this.#at = now;
  }

  /** The bound that refuses a new connection right now. It takes nothing. */
  bound(now: number, connections: number): Bound | undefined {
    if (connections >= this.#limits.connections) return "connections";
    if (this.handovers(now) >= this.#limits.handovers) return "handovers";
    return this.tokens(now) < 1 ? "rate" : undefined;
  }

  /** The bound of which the connection's tenant has its whole share, if any. It takes nothing. */
  overShare(now: number, tenant: string): Bound | undefined {
    this.handovers(now);
    if (this.#handoverShares.isOver(tenant)) return "handovers";
    return this.#bucketShares.isOver(tenant, this.tokens(now)) ? "rate" : undefined;
  }

  /** Whether some tenant may be over its share: less than half is free. */
  pressed(now: number): boolean {
    return this.tokens(now) * 2 < this.#limits.burst || this.handovers(now) * 2 > this.#limits.handovers;
  }

  /** Admits one connection, or returns the bound that refuses it. */
  take(now: number, connections: number, tenant: string): Bound | undefined {
    const bound = this.bound(now, connections) ?? this.overShare(now, tenant);
    if (bound !== undefined) return bound;
    this.#tokens -= 1;
    const part = this.#bucketShares.of(tenant);
    this.#bucketShares.take(part);
    this.#taken.push(part);
    return undefined;
  }

  /** Refuses one connection. Returns the seconds after which it should return. */
  refuse(now: number, random: number, tenant: string): number {
    return comeBack(this.#rejected.add(tenant, now), random);
  }

  /** The same for a client that asks why it was refused. Undefined if no client of its tenant was refused recently. */
  refused(now: number, random: number, tenant: string): number | undefined {
    const place = this.#rejected.last(tenant, now);
    return place === undefined ? undefined : comeBack(place, random);
  }

  handoverBegan(session: number, now: number, tenant: string): void {
    const part = this.#handoverShares.of(tenant);
    this.#handoverShares.take(part);
    this.#handovers.set(session, { began: now, part });
  }

  /** The connection is live, or closed. */
  handoverEnded(session: number): void {
    const handover = this.#handovers.get(session);
    if (!handover) return;
    this.#handovers.delete(session);
    this.#handoverShares.give(handover.part);
  }

  handovers(now: number): number {
    for (const [session, { began }] of this.#handovers) {
      if (now - began < HANDOVER_MS) break;
      this.handoverEnded(session);
    }
    return this.#handovers.size;
  }

  /** Call it once a second. It forgets tenants that take nothing. */
  sweep(now: number): void {
    this.#pass(now);
    this.#bucketShares.sweep();
    this.#handoverShares.sweep();
  }

  tokens(now: number): number {
    this.#pass(now);
    return this.#tokens;
  }

  #pass(now: number): void {
    const passed = (Math.max(0, now - this.#at) / 1_000) * this.#limits.rate;
    this.#at = Math.max(this.#at, now);
    this.#tokens = Math.min(this.#limits.burst, this.#tokens + passed);
    this.#refill();
  }

  #refill(): void {
    while (this.#taken.length - this.#refilled > Math.ceil(this.#limits.burst - this.#tokens)) {
      this.#bucketShares.give(this.#taken[this.#refilled]!);
      this.#refilled += 1;
    }
    if (this.#refilled * 2 <= this.#taken.length) return;
    this.#taken = this.#taken.slice(this.#refilled);
    this.#refilled = 0;
  }
}

/** Refused clients return at their place in the queue, spread by the jitter. */
function comeBack(placeMs: number, random: number): number {
  return Math.max(1, Math.ceil((placeMs / 1_000) * (1 - JITTER + 2 * JITTER * random)));
}
