import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Batch, Committed, GroupReader } from "@saasaparilla/shared/kafka/client.ts";
import { DeferredInserts } from "./storage/deferred-inserts.ts";
import { claimPartitions } from "#partitions/claim.ts";
import type { PartitionLanes } from "#partitions/partition.ts";
import { changeOwnership, Ownership, type OwnershipEvent, type OwnershipOutput } from "#partitions/ownership.ts";
import type { DirectorOptions } from "./director-options.ts";

/**
 * The part of a partition's lanes that `park` visits each second. It parks lanes without events since the last visit.
 */
const PARKED_PART = 1 / 8;

/**
 * A paused partition resumes below this part of its bounds. Waiting and inserting notifications together stay below it.
 */
const RESUMED_PART = 3 / 4;

/** The group must revoke a superseded partition within this time. */
const SUPERSEDED_MS = 30_000;

const NOWHERE = { committed: -1, read: -1 };

interface Assigned {
  readonly ownership: Ownership;
  /** Resolves when the claim is in `control`. */
  readonly claimed: Promise<PartitionLanes>;
  /** Undefined until `claimed` resolves. */
  lanes: PartitionLanes | undefined;
  paused: boolean;
  /** The last position that was to be committed. */
  noted: { committed: number; read: number };
}

/**
 * Owns partitions. It claims each before any other action (claim.ts), passes it the records it read, and commits
 * settled offsets. It pauses a partition at its bound. It drops a partition that the group or a newer claim gives to
 * another director.
 */
export class Director implements OwnershipOutput {
  readonly #options: DirectorOptions;
  readonly #assigned = new Map<number, Assigned>();
  readonly #uncommitted = new Map<string, Committed>();
  readonly #deferredInserts: DeferredInserts;
  #reader: GroupReader | undefined;
  #member = "";
  #committing = false;
  #rejoining = false;

  constructor(options: DirectorOptions) {
    this.#options = options;
    const { fatal, topics } = options;
    const drained = (partition: number, next: number): void => this.#note(topics.deferred, partition, next);
    this.#deferredInserts = new DeferredInserts({ ...options.stores, drained, fatal });
    options.metrics.watch({
      unsettled: () => this.unsettled,
      lanes: () => this.#sum(({ lanes }) => lanes.size),
      parkedLanes: () => this.#sum(({ lanes }) => lanes.parked),
      partitions: () => this.#sum(() => 1),
    });
  }

  owns(partition: number): boolean {
    return this.#assigned.get(partition)?.lanes !== undefined;
  }

  get unsettled(): number {
    return this.#sum(({ unsettled }) => unsettled);
  }

  #sum(of: (lanes: PartitionLanes) => number): number {
    let sum = 0;
    for (const { lanes } of this.#assigned.values()) if (lanes) sum += of(lanes);
    return sum;
  }

  /** Call it once a second. */
  park(): void {
    for (const { lanes: partition } of this.#assigned.values()) {
      if (!partition) continue;
      const { lanes, waiting, inserting } = partition;
      lanes.park(PARKED_PART);
      waiting.share.sweep();
      inserting.share.sweep();
    }
  }

  use(reader: GroupReader): void {
    this.#reader = reader;
  }

  /**
   * A member that the group never expelled keeps its partitions: no other member can have owned them in between. A
   * member with a new name was expelled, and starts every partition from a new claim.
   */
  assigned(partitions: number[], member: string): void {
    const kept = member === this.#member ? new Set(partitions) : new Set<number>();
    this.#member = member;
    this.#rejoining = false;
    for (const [partition, { ownership }] of this.#assigned) if (!kept.has(partition)) this.#drop(ownership);
    const fresh = partitions.filter((partition) => !this.#assigned.has(partition));
    const ownerships = fresh.map((partition) => new Ownership(partition));
    for (const [ownership, claimed] of claimPartitions(ownerships, this.#options, this)) {
      const assigned: Assigned = { ownership, claimed, lanes: undefined, paused: false, noted: NOWHERE };
      this.#assigned.set(ownership.partition, assigned);
      claimed.then(
        (lanes) => (assigned.lanes = lanes),
        (error: unknown) => this.#options.fatal(error),
      );
    }
    this.#options.log.info({ partitions, member, kept: [...kept] }, "partitions assigned");
  }

  async read(batch: Batch): Promise<boolean> {
    const assigned = this.#assigned.get(batch.partition);
    const partition = await assigned?.claimed;
    // The partition can be revoked during the claim.
    if (!assigned || !partition?.owned) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return false;
    }
    if (batch.topic === this.#options.topics.deferred)
      return this.#deferredInserts.begin(partition, batch, this.#reader);
    if (batch.topic === this.#options.topics.control) {
      await partition.control(batch);
      const last = batch.records.at(-1);
      if (last) this.#note(batch.topic, batch.partition, last.offset + 1);
      return true;
    }
    const [first] = batch.records;
    const from = first && partition.begin(first.offset);
    if (from !== undefined) {
      this.#reader?.seek(batch.topic, batch.partition, from);
      return false;
    }
    this.#options.metrics.read(partition.accepted(batch));
    this.#pauseAtBound(assigned, partition);
    return true;
  }

  /** Waits for the running inserts, then commits for the last time. */
  async end(): Promise<void> {
    await this.#deferredInserts.end();
    await this.commit();
  }

  /**
   * Call it four times a second. It reclaims what tenants hold above their shares, commits settled offsets and resumes
   * paused partitions.
   */
  async commit(): Promise<void> {
    for (const assigned of this.#assigned.values()) {
      const { lanes } = assigned;
      if (!lanes) continue;
      lanes.reclaim();
      lanes.commit();
      this.#notePosition(assigned, lanes);
      this.#resumeBelowBound(assigned, lanes);
    }
    if (this.#committing || this.#uncommitted.size === 0 || !this.#reader) return;
    this.#committing = true;
    const offsets = [...this.#uncommitted.values()];
    this.#uncommitted.clear();
    try {
      await this.#reader.commit(offsets);
      for (const { topic, partition, offset } of offsets)
        if (topic === this.#options.topics.control) this.#change(partition, { type: "committed", offset });
    } catch (error) {
      this.#options.log.debug({ err: error }, `commit refused: ${messageOf(error)}`);
      for (const entry of offsets) {
        const name = `${entry.topic}:${entry.partition}`;
        if (this.owns(entry.partition) && !this.#uncommitted.has(name)) this.#uncommitted.set(name, entry);
      }
    } finally {
      this.#committing = false;
    }
  }

  #change(partition: number, event: OwnershipEvent): void {
    const ownership = this.#assigned.get(partition)?.ownership;
    if (ownership) changeOwnership(ownership, event, this);
  }

  /** A partition whose lanes settle nothing can still read on. */
  #notePosition(assigned: Assigned, { partition, position, owned }: PartitionLanes): void {
    if (!owned || !position) return;
    const { committed, read } = position;
    if (committed === assigned.noted.committed && read === assigned.noted.read) return;
    assigned.noted = position;
    this.#note(this.#options.topics.accepted, partition, committed, read);
  }

  #note(topic: string, partition: number, offset: number, read?: number): void {
    this.#uncommitted.set(`${topic}:${partition}`, { topic, partition, offset, read });
  }

  awaitRevocation(ownership: Ownership): void {
    const { partition, generation, newerClaim: newer } = ownership;
    this.#options.log.warn({ partition, generation, newer }, "another director has claimed this partition");
    setTimeout(() => changeOwnership(ownership, { type: "overdue" }, this), SUPERSEDED_MS).unref();
  }

  rejoin({ partition, newerClaim: newer }: Ownership): void {
    if (this.#rejoining) return;
    this.#rejoining = true;
    this.#options.log.warn({ partition, newer }, "late claim of another director: joining the group again");
    void this.#reader?.rejoin();
  }

  disagree({ partition }: Ownership): void {
    this.#options.fatal(
      new Error(`Partition ${partition} was claimed by another director, and the group did not take it away.`),
    );
  }

  #drop(ownership: Ownership): void {
    const { partition } = ownership;
    changeOwnership(ownership, { type: "revoked" }, this);
    this.#assigned.delete(partition);
    const { accepted, control, deferred } = this.#options.topics;
    for (const topic of [accepted, control, deferred]) {
      this.#uncommitted.delete(`${topic}:${partition}`);
      // A pause outlives the assignment, and would still apply when the partition comes back.
      this.#reader?.resume(topic, partition);
    }
  }

  #pauseAtBound(assigned: Assigned, { partition, unsettled, unsettledBytes: bytes }: PartitionLanes): void {
    const { limits, topics, metrics, log } = this.#options;
    const { maxUnsettled, maxBytes } = limits;
    if (assigned.paused || (unsettled < maxUnsettled && bytes < maxBytes)) return;
    assigned.paused = true;
    this.#reader?.pause(topics.accepted, partition);
    metrics.paused();
    log.info({ partition, unsettled, bytes }, "partition paused at its bound");
  }

  #resumeBelowBound(assigned: Assigned, { partition, unsettled, unsettledBytes }: PartitionLanes): void {
    const { limits, topics } = this.#options;
    const { maxUnsettled, maxBytes } = limits;
    if (!assigned.paused) return;
    if (unsettled > maxUnsettled * RESUMED_PART || unsettledBytes > maxBytes * RESUMED_PART) return;
    assigned.paused = false;
    this.#reader?.resume(topics.accepted, partition);
  }
}
