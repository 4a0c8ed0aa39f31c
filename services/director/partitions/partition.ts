import { classify, Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { Batch, Incoming } from "@saasaparilla/shared/kafka/client.ts";
import {
  packSequence,
  sequenceAt,
  START,
  type ClientKey,
  type Sequence,
} from "@saasaparilla/shared/protocol/notification.ts";
import {
  checkNotification,
  Kind,
  notificationBody,
  readAck,
  readPack,
  readMessage,
} from "@saasaparilla/shared/protocol/pack.ts";
import type { StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import { asControl, type ConnectionId, type ControlMessage } from "@saasaparilla/shared/protocol/control-messages.ts";
import { compact } from "./compact.ts";
import { deadLetterOf, NOTHING, REDRIVEN, type DeadLetter } from "#dead-letters/dead-letter.ts";
import { DeferredQueue, type DeferredLine } from "./deferred.ts";
import { InsertingShares } from "#storage/inserting.ts";
import {
  caughtUp,
  type Entry,
  type Lane,
  type LaneContext,
  type LaneEvent,
  type LaneLimits,
  type LaneOutput,
  type Settled,
} from "#lanes/lane.ts";
import { step } from "#lanes/lane-table.ts";
import { LaneMap } from "#lanes/lane-map.ts";
import { CursorCheck } from "./cursor-check.ts";
import type { Ownership } from "./ownership.ts";
import { RecentIds } from "./recent-ids.ts";
import { OffsetTracker } from "#lanes/offset-tracker.ts";
import { WaitingShares, type WaitingOptions } from "#lanes/waiting-shares.ts";

export interface PartitionOptions extends WaitingOptions {
  ownership: Ownership;
  epoch: number;
  /** Asks Kafka for the offset that accepted's next record will have. */
  findEnd: (found: (end: number) => void) => void;
  /** Of deferred: what the group has committed, and the next record's offset at the claim. */
  deferred: { committed: number; end: number };
  /** The oldest offset of accepted that Kafka still had at the claim. */
  oldest: number;
  limits: LaneLimits;
  maxLanes: number;
  clock: { monotonic(): number; wall(): number };
  out: Omit<LaneOutput, "settle">;
  /** `wall`: ms since 1970, now. */
  settled(lane: Lane, entry: Entry, how: Settled, wall: number): void;
  /** Arms one timer for the lane at its deadline. */
  arm(partition: PartitionLanes, lane: Lane): void;
  /** Resolves once Kafka has it. */
  deadLetter(letter: DeadLetter): Promise<void>;
  duplicate(key: ClientKey, id: string): void;
  /** Another director's claim is at this offset of control. */
  superseded(offset: number): void;
}

/** Of accepted, before the group's commit: at full load some twenty seconds, in which a publisher repeats what it was not answered. */
const REMEMBERED_RECORDS = 500;

/** Kafka may have deleted the record. Without a limit the partition would seek for ever. */
const MOST_SEEKS = 3;

/** Of the lanes so many are looked at in a turn of `reclaim`, which come four times a second. */
const RECLAIMED_PART = 1 / 4;

/** One partition of accepted and control, for one generation: its lanes, and what of it is settled. */
export class PartitionLanes {
  readonly partition: number;
  readonly generation: number;
  readonly lanes: LaneMap;
  readonly #options: PartitionOptions;
  readonly #context: LaneContext;
  readonly #recent = new RecentIds();
  readonly deferredQueue: DeferredQueue;
  #offsets: OffsetTracker | undefined;
  readonly #cursorCheck: CursorCheck;
  readonly waiting: WaitingShares;
  readonly inserting: InsertingShares;
  #nextControl: number;
  #holds = 0;
  /** The offset of accepted from which on ids are to be remembered. */
  #rememberFrom = 0;
  #seeks = 0;

  constructor(options: PartitionOptions) {
    this.#options = options;
    this.partition = options.ownership.partition;
    this.lanes = new LaneMap(options.maxLanes);
    this.generation = options.ownership.generation;
    // What is before our claim is for another director.
    this.#nextControl = this.generation + 1;
    this.deferredQueue = new DeferredQueue(options.deferred.committed, options.deferred.end);
    this.#cursorCheck = new CursorCheck(options.epoch, options.findEnd);
    this.waiting = new WaitingShares(options);
    this.inserting = new InsertingShares(options);
    this.#context = {
      waiting: this.waiting,
      limits: options.limits,
      now: 0,
      wall: 0,
      nextHold: () => (this.#holds += 1),
      drained: ({ key }) => !this.deferredQueue.activeFor(key),
      out: {
        ...options.out,
        settle: (lane, entry, how) => {
          this.#offsets!.settle(entry.record);
          options.settled(lane, entry, how, this.#context.wall);
        },
      },
    };
  }

  /** False once another director owns it: nothing more is sent, stored or committed. */
  get owned(): boolean {
    return this.#options.ownership.state === "OWNED";
  }

  get unsettled(): number {
    return this.#offsets?.unsettled ?? 0;
  }

  get unsettledBytes(): number {
    return this.#offsets?.unsettledBytes ?? 0;
  }

  /**
   * What is read first begins where the group has committed. Answers where to read on instead: a little before it, so that the
   * ids of what an earlier owner settled last are known, and a repeat of it is one. Undefined where there is nothing before.
   * A rejoin of the group undoes a seek: reading begins at the commit again, and the next call answers the same offset.
   */
  begin(first: number): number | undefined {
    if (!this.#offsets) {
      this.#offsets = new OffsetTracker(first);
      this.#rememberFrom = Math.max(this.#options.oldest, first - REMEMBERED_RECORDS);
    }
    const known = this.#rememberFrom >= this.#offsets.start || first <= this.#rememberFrom;
    if (known || this.#seeks >= MOST_SEEKS) return undefined;
    this.#seeks += 1;
    return this.#rememberFrom;
  }

  /** The offset of accepted to commit, where it has moved. */
  commit(): number | undefined {
    return this.owned ? this.#offsets?.commit() : undefined;
  }

  /**
   * To be called four times a second: where others need it, what tenants hold above their shares is stored within a second; and what is
   * settled does not count in the bound of bytes any more.
   */
  reclaim(): void {
    if (this.#offsets && this.unsettledBytes * 2 > this.#options.maxBytes) compact(this.lanes.active(), this.#offsets);
    if (!this.waiting.share.pressed()) return;
    this.lanes.look(RECLAIMED_PART, (lane) => {
      if (lane.queue.length > lane.storing && this.waiting.over(lane)) this.dispatch(lane, { type: "reclaim" });
    });
  }

  /** THE PATH: accepted > lane > routed or stored. Records that were read before a rejoin are read again, and skipped. Answers how many notifications were taken. */
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
      this.#cursorCheck.read(record.offset + 1);
      try {
        taken += this.#acceptRecord(record, offsets);
      } catch (error) {
        if (classify(error) !== "reject") throw error;
        const tracked = offsets.track(record.offset, 1, record.appended, 0);
        void this.#options.deadLetter(deadLetterOf(batch, record, error)).then(() => offsets.settle(tracked));
      }
    }
    return taken;
  }

  /** Settled before this owner came: only its ids count. */
  #remember(record: Incoming): void {
    try {
      for (const body of bodiesOf(record.value))
        this.#recent.repeated(notificationBody.rawId(body), notificationBody.key(body));
    } catch (error) {
      // It is among the dead letters.
      if (classify(error) !== "reject") throw error;
    }
  }

  #acceptRecord(record: Incoming, offsets: OffsetTracker): number {
    const { offset, appended, headers } = record;
    // Copied: a view would keep all that was fetched with it in memory, and the bound counts records.
    const value = Buffer.from(record.value ?? NOTHING);
    const bodies = bodiesOf(value);
    const pack = packSequence(this.#options.epoch, offset);
    const tracked = offsets.track(offset, bodies.length, appended, value.length);
    // An operator's redrive has the id of what became a dead letter, perhaps a moment ago.
    const redriven = REDRIVEN in headers;
    for (let index = 0; index < bodies.length; index += 1) {
      const body = bodies[index]!;
      const key = notificationBody.key(body);
      if (this.#recent.repeated(notificationBody.rawId(body), key) && !redriven) {
        offsets.settle(tracked);
        this.#options.duplicate(key, notificationBody.id(body));
        continue;
      }
      const ttl = notificationBody.ttl(body);
      const expires = ttl === 0 ? 0 : appended + ttl * 1_000;
      const entry: Entry = { sequence: sequenceAt(pack, index), expires, body, record: tracked };
      this.#step(this.lanes.of(key), { type: "accepted", entry });
    }
    return bodies.length;
  }

  /** Resolves once what was rejected is kept; the rest was acted on before it returns. */
  control(batch: Batch): Promise<unknown> {
    const kept: Promise<void>[] = [];
    this.#lookAtClock();
    for (const record of batch.records) {
      // What was read before a rejoin is read again: a `prepare` taken twice would hold a connection that is live.
      if (record.offset < this.#nextControl || !this.owned) continue;
      this.#nextControl = record.offset + 1;
      try {
        readPack(record.value ?? NOTHING, (kind, body) => {
          if (kind === Kind.ACK) this.#acknowledged(body);
          else if (kind === Kind.SIGNAL) this.#signal(asControl(readMessage(body)), record.offset);
        });
      } catch (error) {
        if (classify(error) !== "reject") throw error;
        kept.push(this.#options.deadLetter(deadLetterOf(batch, record, error)));
      }
    }
    return Promise.all(kept);
  }

  /** What of deferred is to be inserted, and what can never be. */
  deferred(batch: Batch): { rows: StoredNotification[]; rejected: DeadLetter[] } {
    return this.deferredQueue.read(batch);
  }

  /** Those rows are in Postgres. */
  drainedTo(next: number): void {
    this.deferredQueue.drainedTo(next);
    this.#whenDrained();
  }

  /** A deferred notification is in the topic, at this offset. */
  appendedDeferred(line: DeferredLine, offset: number): void {
    this.deferredQueue.appended(line, offset);
    this.#whenDrained();
  }

  #whenDrained(): void {
    for (const { key, id } of this.deferredQueue.takeWanting()) this.#context.out.invite(this.lanes.of(key), id);
  }

  #acknowledged(body: Buffer): void {
    const { key, session, sequence } = readAck(body);
    if (session === 0) {
      this.#acknowledgedByClient(key, sequence);
      return;
    }
    const lane = this.lanes.get(key);
    if (lane) this.#step(lane, { type: "ack", session, sequence });
  }

  /** By POST /v1/acks: no session vouches for the cursor, and what it deletes is gone. */
  #acknowledgedByClient(key: ClientKey, sequence: Sequence): void {
    // One name for each cursor: a made-up one must not replace a true one that waits.
    this.#whenKnown(`${key} ${sequence}`, sequence, (known) => {
      if (!known) return;
      const lane = this.lanes.of(key);
      this.dispatch(lane, { type: "ack", session: 0, sequence });
      this.#context.out.deleteStored(lane, sequence);
    });
  }

  #signal(message: ControlMessage, offset: number): void {
    if (message.type === "claim") {
      this.#options.superseded(offset);
      return;
    }
    const id: ConnectionId = { slot: message.slot, incarnation: message.incarnation, session: message.session };
    switch (message.type) {
      case "prepare":
        this.#whenKnown(nameOf(id), message.sent, (known) => {
          if (!known) this.#context.out.demote(this.lanes.of(message.key), id, "cursor", START);
          // While something is deferred a replay does not find it: they are invited when it is in Postgres.
          else if (this.deferredQueue.activeFor(message.key) && !this.#caughtUp(message))
            this.deferredQueue.want(message.key, id);
          else this.dispatch(this.lanes.of(message.key), { ...message, id });
        });
        return;
      case "commit":
        if (message.generation === this.generation) this.dispatch(this.lanes.of(message.key), { ...message, id });
        else this.#context.out.demote(this.lanes.of(message.key), id, "another generation");
        return;
      case "release":
        if (message.generation === this.generation)
          this.#known(message.key, { type: "release", id, hold: message.hold });
        return;
      case "refuse":
        if (message.generation === this.generation)
          this.#known(message.key, { type: "refuse", id, reason: message.reason });
        return;
      case "close":
        this.#cursorCheck.forget(nameOf(id));
        this.#known(message.key, { type: "close", id });
    }
  }

  #caughtUp({ key, sent }: { key: ClientKey; sent: Sequence }): boolean {
    const lane = this.lanes.get(key);
    return lane !== undefined && caughtUp(lane, sent);
  }

  #known(key: ClientKey, event: LaneEvent): void {
    const lane = this.lanes.get(key);
    if (lane) this.dispatch(lane, event);
  }

  /** What a cursor that cannot have been issued would settle or skip was never sent. */
  #whenKnown(name: string, sequence: Sequence, then: (known: boolean) => void): void {
    this.#cursorCheck.when(name, sequence, (known) => {
      if (this.owned) then(known);
    });
  }

  dispatch(lane: Lane, event: LaneEvent): void {
    this.#lookAtClock();
    this.#step(lane, event);
  }

  /** Once for all that one batch brings. */
  #lookAtClock(): void {
    this.#context.now = this.#options.clock.monotonic();
    this.#context.wall = this.#options.clock.wall();
  }

  #step(lane: Lane, event: LaneEvent): void {
    // An answer may come for a lane that was forgotten since, and has a successor.
    if (!this.owned || !this.lanes.has(lane)) return;
    step(lane, event, this.#context);
    if (lane.deadline < lane.armed) this.#options.arm(this, lane);
    this.lanes.keep(lane);
  }
}

/** The whole pack is checked before any of it counts: a record is taken or rejected as one. */
function bodiesOf(value: Buffer | null): Buffer[] {
  const bodies: Buffer[] = [];
  readPack(value ?? NOTHING, (kind, body, index) => {
    if (kind !== Kind.NOTIFICATION) throw new Failure("reject", `Item ${index} is no notification.`);
    checkNotification(body, index);
    bodies.push(body);
  });
  return bodies;
}

/** No client's key: it has no slash. */
function nameOf({ slot, incarnation, session }: ConnectionId): string {
  return `${slot}:${incarnation}:${session}`;
}
