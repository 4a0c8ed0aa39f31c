import type { Entry, Lane } from "#lanes/lane.ts";
import type { OffsetTracker, TrackedRecord } from "#lanes/offset-tracker.ts";

/** Of a record's bytes, what is left of it is copied out where it is no more than so much. */
const LEFT = 1 / 2;

/**
 * A notification that waits keeps all of its record in memory, with what other tenants published beside it and have received long ago. Copies what
 * is left of such records, so that nobody's client fills the partition's bound of bytes with what is settled.
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
    // Not from Node's pool of small buffers: that would keep others' bytes, too.
    for (const entry of entries) entry.body = Buffer.from(Uint8Array.from(entry.body).buffer);
    offsets.shrink(record, bytes);
  }
}
