import type { Entry, Lane } from "#lanes/lane.ts";
import type { OffsetTracker, TrackedRecord } from "#lanes/offset-tracker.ts";

/** Unsettled entries are copied out of a record if they are at most this part of its bytes. */
const LEFT = 1 / 2;

/**
 * A waiting notification keeps its whole record in memory, including other tenants' delivered notifications. Copying
 * the rest out of such records stops settled bytes from filling the partition's bound.
 */
export function compact(lanes: Iterable<Lane>, offsets: OffsetTracker): void {
  const left = new Map<TrackedRecord, Entry[]>();
  for (const { queue } of lanes) {
    for (const entry of queue) {
      const entries = left.get(entry.record);
      if (entries) entries.push(entry);
      else left.set(entry.record, [entry]);
    }
  }
  for (const [record, entries] of left) {
    const bytes = entries.reduce((sum, { body }) => sum + body.length, 0);
    if (bytes > record.bytes * LEFT) continue;
    // Not from Node's pool of small buffers, which would keep other entries' bytes in memory too.
    for (const entry of entries) entry.body = Buffer.from(Uint8Array.from(entry.body).buffer);
    offsets.shrink(record, bytes);
  }
}
