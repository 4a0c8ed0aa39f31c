import { messageOf } from "@saasaparilla/shared/errors.ts";
import type { Deletions } from "@saasaparilla/shared/deletions.ts";
import type { Batch, GroupReader } from "@saasaparilla/shared/kafka.ts";
import type { Log } from "@saasaparilla/shared/log.ts";
import type { Packer } from "@saasaparilla/shared/packer.ts";
import type { Topics } from "@saasaparilla/shared/topics.ts";
import type { DeadLetters } from "./dead-letters.ts";
import { Drains } from "./drains.ts";
import type { LaneLimits } from "./lane.ts";
import type { LookUps } from "./look-up.ts";
import type { DirectorMetrics } from "./metrics.ts";
import type { PartitionLanes } from "./partition.ts";
import type { Store } from "./store.ts";
import type { Timers } from "./timers.ts";
import { wiredLanes } from "./wired-lanes.ts";

export interface DirectorOptions {
  name: string;
  topics: Topics;
  epoch: number;
  limits: LaneLimits;
  maxLanes: number;
  maxUnsettled: number;
  maxBytes: number;
  weightOf: (tenant: string) => number;
  clock: { monotonic(): number; wall(): number };
  packer: Packer;
  store: Store;
  deletions: Pick<Deletions, "add">;
  deadLetters: DeadLetters;
  lookUps: LookUps;
  timers: Timers;
  endOffset(topic: string, partition: number): Promise<number>;
  /** By partition: of deferred what the group has committed, and the next offset; of accepted the oldest. */
  progress(): Promise<{ deferred: Map<number, { committed: number; end: number }>; oldest: Map<number, number> }>;
  metrics: DirectorMetrics;
  log: Log;
  fatal: (error: unknown) => void;
}

type Progress = Awaited<ReturnType<DirectorOptions["progress"]>>;

/** Of a partition's lanes so many are looked at in a second, and those are parked that were still since the last time. */
const PARKED_PART = 1 / 8;

/** A paused partition goes on below so much of its bounds: what waits for clients and for inserts is no more. */
const RESUMED_PART = 3 / 4;

/** Where a superseded owner gives up waiting for the group to tell it so. */
const SUPERSEDED_MS = 30_000;

/**
 * Owns partitions: claims each before it acts for it, hands it what was read, commits what is settled, pauses it at its
 * bound, and drops it when the group or a newer claim says that it is another's.
 */
export class Director {
  readonly #options: DirectorOptions;
  /** Claimed or being claimed. */
  readonly #claims = new Map<number, Promise<PartitionLanes>>();
  readonly #owned = new Map<number, PartitionLanes>();
  readonly #paused = new Set<number>();
  readonly #uncommitted = new Map<string, { topic: string; partition: number; offset: number }>();
  /** Those that another director has claimed, though the group has not taken them away: by the offset of that claim. */
  readonly #newerClaims = new Map<number, number>();
  readonly #drains: Drains;
  #reader: GroupReader | undefined;
  #member = "";
  #committing = false;

  constructor(options: DirectorOptions) {
    this.#options = options;
    const { store, deadLetters, fatal, topics } = options;
    const drained = (partition: number, next: number): void => this.#note(topics.deferred, partition, next);
    this.#drains = new Drains({ store, deadLetters, drained, fatal });
  }

  get partitions(): number {
    return this.#owned.size;
  }

  owns(partition: number): boolean {
    return this.#owned.has(partition);
  }

  get unsettled(): number {
    let sum = 0;
    for (const partition of this.#owned.values()) sum += partition.unsettled;
    return sum;
  }

  get lanes(): number {
    let sum = 0;
    for (const { lanes } of this.#owned.values()) sum += lanes.size;
    return sum;
  }

  get parkedLanes(): number {
    let sum = 0;
    for (const { lanes } of this.#owned.values()) sum += lanes.parked;
    return sum;
  }

  /** To be called once a second. */
  park(): void {
    for (const { lanes, waiting, inserting } of this.#owned.values()) {
      lanes.park(PARKED_PART);
      waiting.share.sweep();
      inserting.share.sweep();
    }
  }

  use(reader: GroupReader): void {
    this.#reader = reader;
  }

  /**
   * A member that the group never expelled keeps what it had: nobody else can have owned it between. One with a new name was
   * away, and starts every partition anew.
   */
  assigned(partitions: number[], member: string): void {
    const kept = member === this.#member ? new Set(partitions) : new Set<number>();
    this.#member = member;
    for (const partition of this.#claims.keys()) if (!kept.has(partition)) this.#drop(partition);
    const fresh = partitions.filter((partition) => !this.#claims.has(partition));
    const generations = new Map(fresh.map((partition) => [partition, this.#appendClaim(partition)]));
    // After the claims: what an earlier owner deferred while it was the owner is counted.
    const progress = Promise.all(generations.values()).then(() => this.#options.progress());
    for (const [partition, generation] of generations) {
      const claim = this.#claim(partition, generation, progress);
      this.#claims.set(partition, claim);
      claim.then(
        (lanes) => {
          // Of two claims the older may come later: it is nobody's then.
          if (this.#claims.get(partition) === claim) this.#owned.set(partition, lanes);
          else lanes.owned = false;
        },
        (error: unknown) => this.#options.fatal(error),
      );
    }
    this.#options.log.info({ partitions, member, kept: [...kept] }, "partitions assigned");
  }

  async read(batch: Batch): Promise<boolean> {
    const claim = this.#claims.get(batch.partition);
    const partition = await claim;
    // It may have been taken away while it was being claimed.
    if (!partition?.owned || this.#claims.get(batch.partition) !== claim) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return false;
    }
    if (batch.topic === this.#options.topics.deferred) return this.#drains.begin(partition, batch, this.#reader);
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
    this.#pauseAtBound(partition);
    return true;
  }

  /** Commits for the last time, after the inserts that are under way. */
  async end(): Promise<void> {
    await this.#drains.end();
    await this.commit();
  }

  /** To be called four times a second: takes back what is above a tenant's share, commits what is settled, and lets paused partitions go on. */
  async commit(): Promise<void> {
    for (const partition of this.#owned.values()) {
      partition.reclaim();
      const offset = partition.commit();
      if (offset !== undefined) this.#note(this.#options.topics.accepted, partition.partition, offset);
      this.#resumeBelowBound(partition);
    }
    if (this.#committing || this.#uncommitted.size === 0 || !this.#reader) return;
    this.#committing = true;
    const offsets = [...this.#uncommitted.values()];
    this.#uncommitted.clear();
    try {
      await this.#reader.commit(offsets);
      if (offsets.some((entry) => this.#claimedLate(entry))) this.#rejoin();
    } catch (error) {
      this.#options.log.debug({ err: error }, `a commit was refused: ${messageOf(error)}`);
      for (const entry of offsets) {
        const name = `${entry.topic}:${entry.partition}`;
        if (this.#owned.has(entry.partition) && !this.#uncommitted.has(name)) this.#uncommitted.set(name, entry);
      }
    } finally {
      this.#committing = false;
    }
  }

  #note(topic: string, partition: number, offset: number): void {
    this.#uncommitted.set(`${topic}:${partition}`, { topic, partition, offset });
  }

  #appendClaim(partition: number): Promise<number> {
    const { packer, topics, name } = this.#options;
    return new Promise<number>((resolve, reject) =>
      packer.add(
        topics.control,
        partition,
        (writer) => writer.signal({ type: "claim", director: name }),
        (error, offset) => (error instanceof Error ? reject(error) : resolve(offset)),
      ),
    );
  }

  async #claim(partition: number, claimed: Promise<number>, asked: Promise<Progress>): Promise<PartitionLanes> {
    const generation = await claimed;
    const progress = await asked;
    const deferred = progress.deferred.get(partition) ?? { committed: 0, end: 0 };
    const oldest = progress.oldest.get(partition) ?? 0;
    const superseded = (by: PartitionLanes, newer: number): void => this.#superseded(by, newer);
    const lanes = wiredLanes({ partition, generation, deferred, oldest }, superseded, this.#options);
    this.#options.log.info({ partition, generation, deferred: deferred.end - deferred.committed }, "partition claimed");
    return lanes;
  }

  #superseded(lanes: PartitionLanes, newer: number): void {
    const { log, fatal } = this.#options;
    log.warn(
      { partition: lanes.partition, generation: lanes.generation, newer },
      "another director has claimed this partition",
    );
    this.#newerClaims.set(lanes.partition, newer);
    setTimeout(() => {
      if (this.#owned.get(lanes.partition) === lanes) {
        fatal(
          new Error(
            `Partition ${lanes.partition} was claimed by another director, and the group did not take it away.`,
          ),
        );
      }
    }, SUPERSEDED_MS).unref();
  }

  /**
   * The group takes commits of its members alone: where it has taken one of what came behind the newer claim, the partition is still ours, and
   * that claim was one of a former owner's that Kafka was slow to take.
   */
  #claimedLate({ topic, partition, offset }: { topic: string; partition: number; offset: number }): boolean {
    const newer = this.#newerClaims.get(partition);
    return newer !== undefined && topic === this.#options.topics.control && offset > newer;
  }

  /** All that is ours is claimed anew, after the late claim. */
  #rejoin(): void {
    const partitions = [...this.#newerClaims.keys()];
    this.#newerClaims.clear();
    this.#options.log.warn({ partitions }, "the claim of another director came late: joining the group anew");
    void this.#reader?.rejoin();
  }

  #drop(partition: number): void {
    const lanes = this.#owned.get(partition);
    if (lanes) lanes.owned = false;
    this.#owned.delete(partition);
    this.#claims.delete(partition);
    this.#newerClaims.delete(partition);
    this.#paused.delete(partition);
    const { accepted, control, deferred } = this.#options.topics;
    for (const topic of [accepted, control, deferred]) {
      this.#uncommitted.delete(`${topic}:${partition}`);
      // A pause outlives the assignment: it would still be there when the partition comes back.
      this.#reader?.resume(topic, partition);
    }
  }

  #pauseAtBound(lanes: PartitionLanes): void {
    const { maxUnsettled, maxBytes, topics, metrics, log } = this.#options;
    if (this.#paused.has(lanes.partition) || (lanes.unsettled < maxUnsettled && lanes.unsettledBytes < maxBytes))
      return;
    this.#paused.add(lanes.partition);
    this.#reader?.pause(topics.accepted, lanes.partition);
    metrics.paused();
    log.info(
      { partition: lanes.partition, unsettled: lanes.unsettled, bytes: lanes.unsettledBytes },
      "partition paused at its bound",
    );
  }

  #resumeBelowBound(lanes: PartitionLanes): void {
    const { maxUnsettled, maxBytes, topics } = this.#options;
    if (!this.#paused.has(lanes.partition)) return;
    if (lanes.unsettled > maxUnsettled * RESUMED_PART || lanes.unsettledBytes > maxBytes * RESUMED_PART) return;
    this.#paused.delete(lanes.partition);
    this.#reader?.resume(topics.accepted, lanes.partition);
  }
}
