import { tenantOf } from "@saasaparilla/shared/protocol/notification.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import type { DeferredLine } from "#services/director/partitions/deferred.ts";
import type { Entry, Lane, Settled } from "#services/director/lanes/lane.ts";
import { PartitionLanes } from "#services/director/partitions/partition.ts";
import type { PartitionEffects } from "#services/director/partitions/partition-options.ts";
import { LaneTimers } from "#services/director/partitions/lane-timers.ts";
import { changeOwnership, type Ownership, type OwnershipOutput } from "#services/director/partitions/ownership.ts";
import { SimulatedRouted } from "./routed.ts";
import { EPOCH, PARTITION, short, Violation, type Stage } from "./stage.ts";

/** The size of a notification in the waiting shares: more than any here has. */
const PLACE = 1_000;

interface Job {
  lane: Lane;
  tenant: string;
  entries: Entry[];
}

/** The process of this director, as the group sees it. */
export interface Membership extends OwnershipOutput {
  /** Whether the group accepts its commits. */
  readonly accepted: boolean;
  /** The group accepted a commit of `control` up to this offset. */
  committed(ownership: Ownership, offset: number): void;
}

/** The real lanes of one partition, with simulated reads, inserts, look-ups and sends. */
export class SimulatedDirector {
  readonly generation: number;
  readonly #stage: Stage;
  readonly #ownership: Ownership;
  readonly #member: Membership;
  readonly #lanes: PartitionLanes;
  readonly #laneTimers: LaneTimers;
  #read: number;
  #readControl: number;
  #readDeferred: number;
  /** Sent to the deferred topic by its producer, not yet in the topic. */
  #appends: (Job & { line: DeferredLine })[] = [];
  /** Not yet in Postgres, in order. */
  #inserts: Job[] = [];
  #lookUps: Lane[] = [];
  /** Outcomes that its producer has sent, not yet in their queue. */
  #outcomes: (() => void)[] = [];
  #acts = 0;
  readonly #routed: SimulatedRouted;

  constructor(stage: Stage, ownership: Ownership, member: Membership) {
    this.#stage = stage;
    this.#ownership = ownership;
    this.#member = member;
    const { generation } = ownership;
    this.generation = generation;
    this.#routed = new SimulatedRouted(stage, generation);
    this.#read = stage.committed;
    this.#readDeferred = stage.drained;
    this.#readControl = Math.max(0, generation - 3);
    this.#laneTimers = new LaneTimers(stage.now);
    this.#lanes = new PartitionLanes(
      {
        claim: {
          ownership,
          oldest: 0,
          // The mutant treats a deferred backlog as drained.
          deferred: {
            committed: stage.drained,
            end: stage.mutant === "held before deferred is drained" ? 0 : stage.deferred.records.length,
          },
        },
        epoch: EPOCH,
        limits: {
          lane: { window: 6, maxQueued: 8, maxBytes: 1e6, ackMs: 5_000, holdMs: 3_000, inviteMs: 1_000, tries: 2 },
          maxLanes: 2,
          maxUnsettled: stage.rates.mostUnsettled,
          maxBytes: stage.rates.mostUnsettled * PLACE,
          // A share so low that a few notifications of one tenant make another give back.
          weightOf: (tenant) => (tenant === "t" ? 0.1 : 0.2),
        },
        clock: { monotonic: () => stage.now, wall: () => stage.now },
      },
      (lanes) => this.#effects(lanes),
    );
  }

  #effects(lanes: PartitionLanes): PartitionEffects {
    const [stage, { generation }] = [this.#stage, this];
    return {
      ...this.#routed.effects(),
      findEnd: (found) =>
        found(stage.mutant === "every cursor is known" ? Number.MAX_SAFE_INTEGER : stage.accepted.records.length),
      lookUp: (lane) => this.#lookUps.push(lane),
      store: (lane, entries) => this.#store(lane, entries),
      deleteStored: (lane, upTo) => stage.acknowledge(lane.key, upTo),
      settled: (lane, entry, how) => this.#settled(lane, entry, how),
      outcome: ({ key, id, outcome }, appended) => {
        const early = stage.mutant === "an outcome after the settlement";
        if (early) appended();
        this.#outcomes.push(() => {
          stage.ended(key, stage.endings.byId(id), outcome);
          if (!early) appended();
        });
      },
      arm: (lane) => this.#laneTimers.arm(lanes, lane),
      deadLetter: ({ reason }) => {
        throw new Violation(stage, `a record was rejected: ${reason}`);
      },
      skipped: ({ kind }) => {
        throw new Violation(stage, `an item of kind ${kind} was skipped`);
      },
      duplicate: () => {
        throw new Violation(stage, "a notification was taken for a repeat");
      },
      superseded: (offset) => {
        stage.note(() => `g${generation} reads that it is superseded`);
        changeOwnership(this.#ownership, { type: "newer claim", offset }, this.#member);
      },
    };
  }

  #settled(lane: Lane, { sequence }: Entry, how: Settled): void {
    this.#stage.note(() => `g${this.generation} ${lane.key} ${short(sequence)} ${how}`);
    if ((how === "replaced" || how === "retracted") && lane.attachments.some(({ sent }) => sent >= sequence))
      throw new Violation(this.#stage, `${lane.key} ${short(sequence)} was sent, and is ${how}`);
  }

  #store(lane: Lane, entries: Entry[]): void {
    const { mutant } = this.#stage;
    const tenant = tenantOf(lane.key);
    const job = { lane, tenant, entries };
    const { deferredQueue, inserting } = this.#lanes;
    const queued = this.#inserts.some((other) => other.tenant === tenant);
    const direct =
      mutant === "direct insert beside an undrained deferred" ||
      (mutant === "deferred past what is queued"
        ? !deferredQueue.active(tenant) && !inserting.over(tenant)
        : !deferredQueue.active(tenant) || queued);
    if (!direct) {
      this.#defer(job, false);
      return;
    }
    this.#inserts.push(job);
    inserting.take(tenant, entries);
  }

  get alive(): boolean {
    // A process that lost the partition may end, with everything that its producer has not sent.
    if (this.#ownership.state === "LOST" && this.#stage.random.in(0.3)) this.#outcomes = [];
    const busy = this.#routed.queued + this.#appends.length + this.#outcomes.length;
    return this.#ownership.state !== "LOST" || busy > 0;
  }

  timeouts(): void {
    this.#laneTimers.advance(this.#stage.now);
  }

  /** Picks one pending task. */
  act(): void {
    const stage = this.#stage;
    if ((this.#acts += 1) % 5 === 0) {
      this.#lanes.lanes.park(1);
      this.#lanes.waiting.share.sweep();
      this.#lanes.inserting.share.sweep();
    }
    this.#checkShares();
    const todo: (() => void)[] = [() => this.#commit()];
    if (this.#lanes.waiting.share.pressed()) todo.push(() => this.#lanes.reclaim());
    if (this.#read < stage.accepted.records.length) todo.push(() => this.#readAccepted());
    if (this.#readControl < stage.control.records.length) todo.push(() => this.#readOneControl());
    if (this.#inserts.length > 0) todo.push(() => this.#insert());
    if (this.#lookUps.length > 0) todo.push(() => this.#lookUp());
    if (this.#routed.queued > 0) todo.push(() => this.#routed.send());
    if (this.#appends.length > 0) todo.push(() => this.#append());
    if (this.#outcomes.length > 0) todo.push(() => this.#outcomes.shift()?.());
    if (this.#readDeferred < stage.deferred.records.length) todo.push(() => this.#drain());
    stage.random.pick(todo)();
  }

  /**
   * Waiting notifications never fill more than half of the partition, so that no pause depends on them; and each place
   * is given back.
   */
  #checkShares(): void {
    const { used, bound } = this.#lanes.waiting.share;
    if (used > bound) throw new Violation(this.#stage, `${used} of ${bound} wait for clients`);
    let waiting = 0;
    for (const { queue, storing } of this.#lanes.lanes.active()) waiting += queue.length - storing;
    if (used !== waiting * PLACE) throw new Violation(this.#stage, `${waiting} wait, and ${used} is counted`);
  }

  #readAccepted(): void {
    const record = this.#stage.accepted.records[this.#read];
    if (!record || !this.#lanes.owned) return;
    const before = this.#lanes.begin(this.#read);
    if (before !== undefined) {
      this.#read = before;
      return;
    }
    this.#read += 1;
    this.#lanes.accepted({ topic: "accepted", partition: PARTITION, records: [record], highWatermark: 0 });
  }

  #readOneControl(): void {
    const record = this.#stage.control.records[this.#readControl];
    if (!record) return;
    this.#readControl += 1;
    void this.#lanes.control({ topic: "control", partition: PARTITION, records: [record], highWatermark: 0 });
  }

  /** Inserts may end in Postgres long after another director took over. */
  #insert(): void {
    const stage = this.#stage;
    const job = this.#inserts[0];
    if (!job) return;
    if (stage.postgres.away) {
      // The insert failed: it and the queue after it go to the deferred topic, in order.
      if (stage.random.in(0.3)) for (const failed of this.#inserts.splice(0)) this.#leave(failed, true);
      return;
    }
    this.#inserts.shift();
    const aside = this.#lanes.deferredQueue.active(job.tenant) || this.#lanes.inserting.over(job.tenant);
    if (aside && stage.mutant !== "direct insert beside an undrained deferred") {
      this.#leave(job, false);
      return;
    }
    this.#lanes.inserting.give(job.tenant, job.entries);
    const rows = job.entries.map(({ sequence, body, record: { appended } }) => ({ sequence, appended, body }));
    stage.store(job.lane.key, rows);
    stage.note(
      () =>
        `g${this.generation} stored ${job.lane.key} ${job.entries.map(({ sequence }) => short(sequence)).join(" ")}`,
    );
    this.#lanes.dispatch(job.lane, { type: "inserted", count: job.entries.length });
  }

  #leave(job: Job, away: boolean): void {
    this.#lanes.inserting.give(job.tenant, job.entries);
    this.#defer(job, away);
  }

  #defer(job: Job, away: boolean): void {
    this.#appends.push({ ...job, line: this.#lanes.deferredQueue.appending(job.tenant, away) });
  }

  #append(): void {
    const stage = this.#stage;
    const job = this.#appends.shift();
    if (!job) return;
    const { lane, entries, line } = job;
    const writer = new PackWriter(256);
    for (const {
      sequence,
      body,
      record: { appended },
    } of entries)
      writer.deferred({ appended, sequence, body });
    const offset = stage.deferred.append(writer.take(), stage.now);
    this.#stage.note(
      () => `g${this.generation} deferred ${lane.key} ${entries.map(({ sequence }) => short(sequence)).join(" ")}`,
    );
    this.#lanes.dispatch(lane, { type: "inserted", count: entries.length });
    this.#lanes.appendedDeferred(line, stage.mutant === "held before deferred is drained" ? -1 : offset);
  }

  #drain(): void {
    const stage = this.#stage;
    const record = stage.deferred.records[this.#readDeferred];
    if (!record || stage.postgres.away || !this.#lanes.owned) return;
    this.#readDeferred += 1;
    const batch = { topic: "deferred", partition: PARTITION, records: [record], highWatermark: 0 };
    const { rows } = this.#lanes.deferred(batch);
    for (const row of rows) stage.store(row.client, [row]);
    stage.note(
      () =>
        `g${this.generation} drained ${rows.map(({ client, sequence }) => `${client} ${short(sequence)}`).join(" ")}`,
    );
    if (this.#member.accepted) stage.drained = Math.max(stage.drained, this.#readDeferred);
    this.#lanes.drainedTo(this.#readDeferred);
  }

  #lookUp(): void {
    const stage = this.#stage;
    const lane = this.#lookUps[0];
    if (!lane || stage.redisAway) return;
    this.#lookUps.shift();
    const connections = [...(stage.registry.get(lane.key)?.values() ?? [])].filter(
      ({ slot, incarnation }) => stage.incarnations[slot] === incarnation,
    );
    this.#lanes.dispatch(lane, { type: "found", connections });
  }

  #commit(): void {
    const stage = this.#stage;
    const offset = stage.mutant === "commit before insert" && this.#lanes.owned ? this.#read : this.#lanes.commit();
    if (!this.#member.accepted) return;
    if (offset !== undefined) stage.commit(offset);
    this.#member.committed(this.#ownership, this.#readControl);
  }
}
