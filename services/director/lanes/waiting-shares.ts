import { FairShare } from "@saasaparilla/shared/fairness/fair-share.ts";
import { tenantOf } from "@saasaparilla/shared/protocol/notification.ts";
import type { Entry, Lane, Waiting } from "./lane.ts";

export interface WaitingOptions {
  /** Of the partition: it pauses at so many unsettled notifications, or bytes. */
  maxUnsettled: number;
  maxBytes: number;
  weightOf: (tenant: string) => number;
}

/**
 * What of a partition waits for its clients, shared among tenants. At most half of what the partition may have unsettled: it pauses at all of that, and
 * goes on at three quarters. So a pause waits for inserts, and never for an acknowledgement.
 */
export class WaitingShares implements Waiting {
  readonly share: FairShare;
  /** A notification counts as its bytes, and at least as so many: one number bounds both. */
  readonly #least: number;

  constructor({ maxUnsettled, maxBytes, weightOf }: WaitingOptions) {
    this.share = new FairShare(maxBytes / 2, weightOf);
    this.#least = Math.ceil(maxBytes / maxUnsettled);
  }

  take(lane: Lane, entry: Entry): void {
    if (!lane.part?.known) lane.part = this.share.of(tenantOf(lane.key));
    this.share.take(lane.part, this.#costOf(entry));
  }

  give(lane: Lane, entry: Entry): void {
    this.share.give(lane.part!, this.#costOf(entry));
  }

  over(lane: Lane): boolean {
    return lane.part !== undefined && this.share.over(lane.part);
  }

  #costOf({ body }: Entry): number {
    return Math.max(this.#least, body.length);
  }
}

/** What these entries take of a partition's bound. */
export function placesOf(entries: readonly Entry[], least: number): number {
  let places = 0;
  for (const { body } of entries) places += Math.max(least, body.length);
  return places;
}
