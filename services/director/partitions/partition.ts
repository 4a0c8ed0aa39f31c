import { classify } from "@saasaparilla/shared/runtime/errors.ts";
import type { Batch, Incoming } from "@saasaparilla/shared/kafka/client.ts";
import { packSequence, sequenceAt } from "@saasaparilla/shared/protocol/notification.ts";
import { notificationBody, type BadItem } from "@saasaparilla/shared/protocol/pack.ts";
import type { StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import { compact } from "./free-record-memory.ts";
import {
  deadLetterOf,
  deadLetterOfItem,
  NOTHING,
  REDRIVEN,
  type DeadLetter,
} from "@saasaparilla/shared/kafka/dead-letters.ts";
import { ControlMessages, type ControlTarget } from "./control-messages.ts";
import { DeferredQueue, type DeferredLine } from "./deferred.ts";
import { InsertingShares } from "#storage/inserting.ts";
import type { Entry, Lane, LaneContext, LaneEvent } from "#lanes/lane.ts";
import { step as stepLane } from "#lanes/lane-table.ts";
import { LaneMap } from "#lanes/lane-map.ts";
import { CursorCheck } from "./cursor-check.ts";
import type { Ownership } from "./ownership.ts";
import type { Clock, PartitionEffects, PartitionOptions } from "./partition-options.ts";
import { RecentIds } from "./recent-ids.ts";
import { bodiesOf } from "./record-bodies.ts";
import { OffsetTracker } from "#lanes/offset-tracker.ts";
import { WaitingShares } from "#lanes/waiting-shares.ts";

/**
 * Records of accepted before the group's commit: about twenty seconds at full load. Publishers repeat unanswered
 * requests in this time.
 */
const REMEMBERED_RECORDS = 500;

/** Kafka may have deleted the record. Without a limit the partition would seek forever. */
const MOST_SEEKS = 3;

/** The part of the lanes that each `reclaim` visits, four times a second. */
const RECLAIMED_PART = 1 / 4;

/** One partition of accepted and control for one generation: its lanes, and which notifications are settled. */
export class PartitionLanes implements ControlTarget {
  readonly partition: number;
  readonly generation: number;
  readonly lanes: LaneMap;
  readonly deferredQueue: DeferredQueue;
  readonly waiting: WaitingShares;
  readonly inserting: InsertingShares;
  readonly cursorCheck: CursorCheck;
  readonly effects: PartitionEffects;
  readonly #ownership: Ownership;
  readonly #oldest: number;
  readonly #epoch: number;
  readonly #maxBytes: number;
  readonly #clock: Clock;
  readonly #context: LaneContext;
  readonly #control: ControlMessages;
  readonly #recent = new RecentIds();
  #offsets: OffsetTracker | undefined;
  #holds = 0;
  /** The session of the acknowledgement that is being handled, or 0. */
  #session = 0;
  /** The first offset of accepted whose ids are remembered. */
  #rememberFrom = 0;
  #seeks = 0;

  constructor(
    { claim, epoch, limits, clock }: PartitionOptions,
    effectsOf: (lanes: PartitionLanes) => PartitionEffects,
  ) {
    this.#ownership = claim.ownership;
    this.#oldest = claim.oldest;
    this.#epoch = epoch;
    this.#maxBytes = limits.maxBytes;
    this.#clock = clock;
    this.partition = claim.ownership.partition;
    this.generation = claim.ownership.generation;
    this.lanes = new LaneMap(limits.maxLanes);
    this.deferredQueue = new DeferredQueue(claim.deferred.committed, claim.deferred.end);
    this.waiting = new WaitingShares(limits);
    this.inserting = new InsertingShares(limits);
    this.effects = effectsOf(this);
    this.cursorCheck = new CursorCheck(epoch, (found) => this.effects.findEnd(found));
    this.#control = new ControlMessages(this);
    this.#context = {
      waiting: this.waiting,
      limits: limits.lane,
      now: 0,
      wall: 0,
      nextHold: () => (this.#holds += 1),
      drained: ({ key }) => !this.deferredQueue.activeFor(key),
      out: this.effects,
      settle: (lane, entry, how) => {
        const offsets = this.#offsets!;
        const outcomes = entry.options?.outcomes;
        // A stored notification has its outcome when its row is deleted.
        if (outcomes === undefined || how === "stored") offsets.settle(entry.record);
        else {
          const ended = { key: lane.key, id: notificationBody.id(entry.body), outcomes, outcome: how };
          this.effects.outcome(ended, () => offsets.settle(entry.record));
        }
        this.effects.settled(lane, entry, how, { wall: this.#context.wall, session: this.#session });
      },
    };
  }

  /** False when another director owns it. Then nothing more is sent, stored or committed. */
  get owned(): boolean {
    return this.#ownership.state === "OWNED";
  }

  get unsettled(): number {
    return this.#offsets?.unsettled ?? 0;
  }

  get unsettledBytes(): number {
    return this.#offsets?.unsettledBytes ?? 0;
  }

  /**
   * The group's commit decides where reading begins. Returns an earlier offset to read from, or undefined if there is
   * none. From there the partition learns the ids that an earlier owner settled last, and recognises their repeats. A
   * rejoin undoes a seek: reading begins at the commit again, and the next call returns the same offset.
   */
  begin(first: number): number | undefined {
    if (!this.#offsets) {
      this.#offsets = new OffsetTracker(first);
      this.#rememberFrom = Math.max(this.#oldest, first - REMEMBERED_RECORDS);
    }
    const known = this.#rememberFrom >= this.#offsets.start || first <= this.#rememberFrom;
    if (known || this.#seeks >= MOST_SEEKS) return undefined;
    this.#seeks += 1;
    return this.#rememberFrom;
  }

  /** The last commit of accepted, and the next offset to read. */
  get position(): { committed: number; read: number } | undefined {
    return this.#offsets && { committed: this.#offsets.committed, read: this.#offsets.next };
  }

  /** The offset of accepted to commit, if it moved. */
  commit(): number | undefined {
    return this.owned ? this.#offsets?.commit() : undefined;
  }

  /**
   * Call it four times a second. If others need space, everything that tenants hold above their shares is stored within
   * a second. Settled bytes stop counting in the bound.
   */
  reclaim(): void {
    if (this.#offsets && this.unsettledBytes * 2 > this.#maxBytes) compact(this.lanes.active(), this.#offsets);
    if (!this.waiting.share.pressed()) return;
    this.lanes.look(RECLAIMED_PART, (lane) => {
      if (lane.queue.length > lane.storing && this.waiting.over(lane)) this.dispatch(lane, { type: "reclaim" });
    });
  }

  /**
   * THE PATH: accepted > lane > routed or stored. A rejoin reads records again; these are skipped. Returns the number
   * of notifications taken.
   */
  accepted(batch: Batch): number {
    let taken = 0;
    const offsets = (this.#offsets ??= new OffsetTracker(batch.records[0]?.offset ?? 0));
    this.#lookAtClock();
    for (const record of batch.records) {
      if (record.offset < offsets.start) {
        this.#remember(record);
        this.#rememberFrom = Math.max(this.#rememberFrom, record.offset + 1);
      }
      if (record.offset < offsets.next) continue;
      this.cursorCheck.read(record.offset + 1);
      try {
        taken += this.#acceptRecord(batch, record, offsets);
      } catch (error) {
        if (classify(error) !== "reject") throw error;
        const tracked = offsets.track(record.offset, 1, record.appended, 0);
        void this.effects.deadLetter(deadLetterOf(batch, record, error)).then(() => offsets.settle(tracked));
      }
    }
    return taken;
  }

  /** An earlier owner settled the record: only its ids matter. */
  #remember(record: Incoming): void {
    try {
      for (const body of bodiesOf(record.value, []))
        if (body) this.#recent.repeated(notificationBody.rawId(body), notificationBody.key(body));
    } catch (error) {
      // The record is already among the dead letters.
      if (classify(error) !== "reject") throw error;
    }
  }

  #acceptRecord(batch: Batch, record: Incoming, offsets: OffsetTracker): number {
    const { offset, appended, headers } = record;
    // Copied: a view would keep the whole fetch in memory, and the bound counts records only.
    const value = Buffer.from(record.value ?? NOTHING);
    const bad: BadItem[] = [];
    const bodies = bodiesOf(value, bad);
    const pack = packSequence(this.#epoch, offset);
    const tracked = offsets.track(offset, bodies.length, appended, value.length);
    for (const item of bad)
      void this.effects.deadLetter(deadLetterOfItem(batch, record, item)).then(() => offsets.settle(tracked));
    // A redriven record has the same id as its dead letter, which may be recent.
    const redriven = REDRIVEN in headers;
    for (let index = 0; index < bodies.length; index += 1) {
      const body = bodies[index];
      if (!body) continue;
      const key = notificationBody.key(body);
      if (this.#recent.repeated(notificationBody.rawId(body), key) && !redriven) {
        offsets.settle(tracked);
        this.effects.duplicate(key, notificationBody.id(body), body);
        continue;
      }
      const ttl = notificationBody.ttl(body);
      const expires = ttl === 0 ? 0 : appended + ttl * 1_000;
      const options = notificationBody.endOptions(body);
      const entry: Entry = { sequence: sequenceAt(pack, index), expires, body, options, record: tracked };
      const lane = this.lanes.of(key);
      this.step(lane, { type: "accepted", entry });
      if (notificationBody.followed(body)) this.effects.taken(lane, entry);
    }
    return bodies.length - bad.length;
  }

  /** Resolves when rejected messages are stored as dead letters. All others take effect before it returns. */
  control(batch: Batch): Promise<unknown> {
    this.#lookAtClock();
    return this.#control.read(batch);
  }

  /** The deferred rows to insert, and the records to reject. */
  deferred(batch: Batch): { rows: StoredNotification[]; rejected: DeadLetter[] } {
    return this.deferredQueue.read(batch);
  }

  /** The rows before `next` are in Postgres. */
  drainedTo(next: number): void {
    this.deferredQueue.drainedTo(next);
    this.#whenDrained();
  }

  /** A deferred notification is in the topic at this offset. */
  appendedDeferred(line: DeferredLine, offset: number): void {
    this.deferredQueue.appended(line, offset);
    this.#whenDrained();
  }

  #whenDrained(): void {
    for (const { key, id } of this.deferredQueue.takeWanting()) this.effects.invite(this.lanes.of(key), id);
  }

  dispatch(lane: Lane, event: LaneEvent): void {
    this.#lookAtClock();
    this.step(lane, event);
  }

  /** Called once for each batch. */
  #lookAtClock(): void {
    this.#context.now = this.#clock.monotonic();
    this.#context.wall = this.#clock.wall();
  }

  /** Uses the time of the last look at the clock. */
  step(lane: Lane, event: LaneEvent): void {
    // An answer can arrive for a lane that was forgotten and replaced.
    if (!this.owned || !this.lanes.has(lane)) return;
    this.#session = sessionOf(event);
    if (lane.sent > 0 && (event.type === "refuse" || event.type === "close")) this.effects.losing(lane, event);
    stepLane(lane, event, this.#context);
    if (lane.deadline < lane.armed) this.effects.arm(lane);
    this.lanes.keep(lane);
  }
}

/** A connection that prepares says what its client has. */
function sessionOf(event: LaneEvent): number {
  return event.type === "ack" ? event.session : event.type === "prepare" ? event.id.session : 0;
}
