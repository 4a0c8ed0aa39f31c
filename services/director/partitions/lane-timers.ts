import type { Lane } from "#lanes/lane.ts";
import type { PartitionLanes } from "./partition.ts";

/**
 * One timer serves all lanes, in buckets of 50 ms. If a lane's deadline moves on, it changes buckets when the old one
 * is due.
 */
const TICK_MS = 50;

export class LaneTimers {
  readonly #buckets = new Map<number, Map<Lane, PartitionLanes>>();
  #tick: number;

  constructor(now: number) {
    this.#tick = Math.floor(now / TICK_MS);
  }

  arm(partition: PartitionLanes, lane: Lane): void {
    const tick = Math.max(this.#tick + 1, Math.ceil(lane.deadline / TICK_MS));
    let bucket = this.#buckets.get(tick);
    if (!bucket) this.#buckets.set(tick, (bucket = new Map<Lane, PartitionLanes>()));
    bucket.set(lane, partition);
    lane.armed = lane.deadline;
  }

  /** Fires the due lanes. Call it at least every TICK_MS. */
  advance(now: number): void {
    for (const until = Math.floor(now / TICK_MS); this.#tick < until;) {
      this.#tick += 1;
      const bucket = this.#buckets.get(this.#tick);
      if (!bucket) continue;
      this.#buckets.delete(this.#tick);
      for (const [lane, partition] of bucket) this.#fire(partition, lane, now);
    }
  }

  #fire(partition: PartitionLanes, lane: Lane, now: number): void {
    lane.armed = Number.POSITIVE_INFINITY;
    if (!partition.owned || !partition.lanes.has(lane)) return;
    if (lane.deadline <= now) partition.dispatch(lane, { type: "timeout" });
    if (Number.isFinite(lane.deadline) && lane.deadline < lane.armed) this.arm(partition, lane);
  }
}
