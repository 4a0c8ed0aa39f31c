import { BORROWED, FairShare } from "@saasaparilla/shared/fairness/fair-share.ts";
import type { Entry } from "#lanes/lane.ts";
import { placesOf, type WaitingOptions } from "#lanes/waiting-shares.ts";

/**
 * What of a partition waits to be inserted into Postgres, shared among tenants: at most a quarter of what the partition may have unsettled. Above its share a
 * tenant's are deferred to Kafka (notification-writer.ts), so that a partition does not pause while one tenant stores faster than Postgres inserts. With what waits for
 * clients (lanes/waiting-shares.ts) that is three quarters, at which a paused partition goes on.
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

  /** More than all places may be taken while an insert is under way. That is no other tenant's fault: each may keep an equal part. */
  over(tenant: string): boolean {
    const { bound, used, tenants } = this.share;
    return this.share.isOver(tenant, Math.max(bound - used, bound / (BORROWED * tenants)));
  }
}
