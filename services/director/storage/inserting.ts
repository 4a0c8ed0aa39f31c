import { BORROWED, FairShare } from "@saasaparilla/shared/fairness/fair-share.ts";
import type { Entry } from "#lanes/lane.ts";
import { placesOf, type WaitingOptions } from "#lanes/waiting-shares.ts";

/**
 * Shares among tenants the part of a partition's bound that waits for inserts into Postgres: at most a quarter. A
 * tenant's notifications above its share are deferred to Kafka (notification-writer.ts). So a partition does not pause
 * while one tenant stores faster than Postgres inserts. With what waits for clients (lanes/waiting-shares.ts) that is
 * three quarters, at which a paused partition resumes.
 */
export class InsertingShares {
  readonly share: FairShare;
  readonly #least: number;

  constructor({ maxUnsettled, maxBytes, weightOf }: WaitingOptions) {
    this.share = new FairShare(maxBytes / 4, weightOf);
    this.#least = Math.ceil(maxBytes / maxUnsettled);
  }

  take(tenant: string, entries: readonly Entry[]): void {
    this.share.take(this.share.of(tenant), placesOf(entries, this.#least));
  }

  give(tenant: string, entries: readonly Entry[]): void {
    this.share.give(this.share.of(tenant), placesOf(entries, this.#least));
  }

  /** A running insert can exceed all places. Other tenants did not cause that, so each may keep an equal part. */
  over(tenant: string): boolean {
    const { bound, used, tenants } = this.share;
    return this.share.isOver(tenant, Math.max(bound - used, bound / (BORROWED * tenants)));
  }
}
