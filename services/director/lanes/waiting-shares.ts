import { FairShare } from "@saasaparilla/shared/fairness/fair-share.ts";
import { tenantOf } from "@saasaparilla/shared/protocol/notification.ts";
import type { Entry, Lane, Waiting } from "./lane.ts";

export interface WaitingOptions {
  /** The partition pauses at this number of unsettled notifications, or at `maxBytes`. */
  maxUnsettled: number;
  maxBytes: number;
  weightOf: (tenant: string) => number;
}

/**
 * Shares among tenants the part of a partition's bound that waits for clients: at most half of it. The partition pauses
 * at the whole bound and resumes at three quarters. So a pause waits for inserts, and never for an acknowledgement.
 */
export class WaitingShares implements Waiting {
  readonly share: FairShare;
  /** A notification counts as its bytes, and at least as this number. So one number bounds both. */
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

/** The part of a partition's bound that these entries use. */
export function placesOf(entries: readonly Entry[], least: number): number {
  let places = 0;
  for (const { body } of entries) places += Math.max(least, body.length);
  return places;
}
