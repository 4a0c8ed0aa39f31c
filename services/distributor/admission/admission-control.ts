import { FairShare, type Part } from "@saasaparilla/shared/fairness/fair-share.ts";
import { RejectedClients } from "./rejected-clients.ts";

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
const JITTER = 0.25;

/**
 * Who may come in now: a token bucket, and two bounds. Of the bucket and of the handovers each tenant has a share. What a tenant takes
 * from the bucket counts until it is refilled, oldest first. Pure: the time is passed in, in ms, and so is chance.
 */
export class AdmissionControl {
  readonly #limits: AdmissionLimits;
  readonly #rejected: RejectedClients;
  /** By session, the oldest first. */
  readonly #handovers = new Map<number, { began: number; part: Part }>();
  readonly #handoverShares: FairShare;
  readonly #bucketShares: FairShare;
  /** Who took what is not refilled yet, the oldest first, from #refilled on: as many as the burst, at most. */
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

  /** What a newcomer is refused at right now; it takes nothing. */
  bound(now: number, connections: number): Bound | undefined {
    if (connections >= this.#limits.connections) return "connections";
    if (this.handovers(now) >= this.#limits.handovers) return "handovers";
    return this.tokens(now) < 1 ? "rate" : undefined;
  }

  /** Of which bound a newcomer's tenant has its share, where it has; it takes nothing. */
  overShare(now: number, tenant: string): Bound | undefined {
    this.handovers(now);
    if (this.#handoverShares.isOver(tenant)) return "handovers";
    return this.#bucketShares.isOver(tenant, this.tokens(now)) ? "rate" : undefined;
  }

  /** Whether some tenant may be over its share: less than half is free. */
  pressed(now: number): boolean {
    return this.tokens(now) * 2 < this.#limits.burst || this.handovers(now) * 2 > this.#limits.handovers;
  }

  /** One comes in, where nothing is in its way. */
  take(now: number, connections: number, tenant: string): Bound | undefined {
    const bound = this.bound(now, connections) ?? this.overShare(now, tenant);
    if (bound !== undefined) return bound;
    this.#tokens -= 1;
    const part = this.#bucketShares.of(tenant);
    this.#bucketShares.take(part);
    this.#taken.push(part);
    return undefined;
  }

  /** One is refused: the seconds after which it is to come back. */
  refuse(now: number, random: number, tenant: string): number {
    return comeBack(this.#rejected.add(tenant, now), random);
  }

  /** The same for one who asks why it was refused; undefined where nobody of its tenant was of late. */
  refused(now: number, random: number, tenant: string): number | undefined {
    const place = this.#rejected.last(tenant, now);
    return place === undefined ? undefined : comeBack(place, random);
  }

  handoverBegan(session: number, now: number, tenant: string): void {
    const part = this.#handoverShares.of(tenant);
    this.#handoverShares.take(part);
    this.#handovers.set(session, { began: now, part });
  }

  /** It is live, or gone. */
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

  /** To be called once a second: tenants that take nothing are forgotten. */
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

/** Give or take so much of its place, a refused one comes back. */
function comeBack(placeMs: number, random: number): number {
  return Math.max(1, Math.ceil((placeMs / 1_000) * (1 - JITTER + 2 * JITTER * random)));
}
