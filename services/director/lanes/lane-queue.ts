import { START, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { EndOptions } from "@saasaparilla/shared/protocol/options.ts";
import type { Entry, Lane, LaneContext } from "./lane.ts";

/** What enters a lane's queue, and what leaves it unsent. */

export function push(lane: Lane, entry: Entry, context: LaneContext): void {
  if (entry.options?.collapse !== undefined) replace(lane, entry.options, context);
  lane.queue.push(entry);
  lane.bytes += entry.body.length;
  context.waiting.take(lane, entry);
}

/**
 * Removes the waiting entries with this collapse key. An entry that a connection was sent stays: its client may have it.
 * So does one with a running insert: the insert of the later entry deletes its row.
 */
function replace(lane: Lane, { collapse, retract }: EndOptions, context: LaneContext): void {
  const sent = lane.attachments.reduce((last, attachment) => (attachment.sent > last ? attachment.sent : last), START);
  for (let at = lane.queue.length - 1; at >= lane.storing && at >= lane.sent; at -= 1) {
    const entry = lane.queue[at]!;
    if (entry.sequence <= sent) return;
    if (entry.options?.collapse !== collapse) continue;
    remove(lane, at, context);
    context.settle(lane, entry, retract === true ? "retracted" : "replaced");
  }
}

/**
 * True if the queue replaces notifications that may be stored after `sent`. Only Postgres can tell, so the queue is
 * stored before the connection reads.
 */
export function mayReplaceStored(lane: Lane, sent: Sequence): boolean {
  return lane.storedTo > sent && lane.queue.some(({ options }) => options?.collapse !== undefined);
}

/** The reason to store the queue, if any: the lane's own bound, or its tenant's share of the partition's bound. */
export function overflow(lane: Lane, { limits, waiting }: LaneContext): "overflow" | "share" | undefined {
  if (lane.queue.length > limits.maxQueued || lane.bytes > limits.maxBytes) return "overflow";
  return waiting.over(lane) ? "share" : undefined;
}

/** Removes the entry at this position. The caller settles it. */
export function remove(lane: Lane, at: number, { waiting }: LaneContext): void {
  const [entry] = lane.queue.splice(at, 1);
  lane.bytes -= entry!.body.length;
  waiting.give(lane, entry!);
}
