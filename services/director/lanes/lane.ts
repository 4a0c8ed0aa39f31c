import type { Part } from "@saasaparilla/shared/fairness/fair-share.ts";
import { isQueueKey, START, type ClientKey, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { EndOptions } from "@saasaparilla/shared/protocol/options.ts";
import type { ConnectionId, RefusalReason } from "@saasaparilla/shared/protocol/control-messages.ts";
import type { TrackedRecord } from "./offset-tracker.ts";

/**
 * The lane: the only place that decides whether a client's notifications are stored, held or sent. A pure state
 * machine: `step` (lane-table.ts) takes an event and the time, changes the lane, and returns actions through `out`.
 * docs/internals/handover.md explains why nothing is lost.
 *
 *            first notification         not connected, or tries are over
 *   UNKNOWN --------------------> (looks up, invites) -------------------> STORED
 *      ^  \                                                                  |
 *      |   \ prepare                                                 prepare |
 *      |    v              commit of every held connection                   v
 *      |   HELD -------------------------------------------> LIVE <------- HELD
 *      |    |  ^---------------------------------------------/ |
 *      |    |             prepare of a further connection      |
 *      +----+---- last connection lost -------------------------+---> STORED (slow, overflow, share, unacknowledged)
 */
export type LaneState = "UNKNOWN" | "STORED" | "HELD" | "LIVE";

/** An unsettled notification. */
export interface Entry {
  sequence: Sequence;
  /** ms since 1970; 0 for never. */
  expires: number;
  /** The bytes to forward, a view into the record. */
  body: Buffer;
  /** Undefined for most notifications. */
  options: EndOptions | undefined;
  record: TrackedRecord;
}

export interface Attachment extends ConnectionId {
  /**
   * waiting: inserts must finish first. held: the connection was told, and its commit is due. live: it receives
   * notifications.
   */
  phase: "waiting" | "held" | "live";
  hold: number;
  /** The last sequence sent to it: `prev` of the next. */
  sent: Sequence;
  /** False for a transport that never acknowledges on its own, such as a plain EventSource. */
  acknowledges: boolean;
  /** When the oldest unacknowledged entry was sent, in ms of the monotonic clock; 0 without one. */
  pendingSince: number;
}

export interface Lane {
  readonly key: ClientKey;
  state: LaneState;
  /** All unsettled entries, in order: first those with a running insert, then (LIVE) those sent, then the rest. */
  queue: Entry[];
  storing: number;
  sent: number;
  bytes: number;
  /**
   * The tenant's share, as of the last accepted entry. The waiting entries count in it; the entries being stored do
   * not.
   */
  part: Part | undefined;
  attachments: Attachment[];
  search: "idle" | "looking" | "inviting";
  tries: number;
  /** The highest sequence that the client acknowledged during its insert. */
  acked: Sequence;
  /** This owner stored or deferred nothing after it. NOT_KNOWN until a connection has read. */
  storedTo: Sequence;
  /** Since when no sent entry was settled, on any connection; ms of the monotonic clock, 0 without sent entries. */
  waitingSince: number;
  /** When `timeout` is due, ms of the monotonic clock. */
  deadline: number;
  /** The latest time at which the lane's timer fires. It can be earlier than the deadline. */
  armed: number;
  /** An event happened since the last visit (lane-map.ts). */
  stirred: boolean;
}

export type LaneEvent =
  | { type: "accepted"; entry: Entry }
  /** The client's connections according to Redis. */
  | { type: "found"; connections: readonly ConnectionId[] }
  | { type: "prepare"; id: ConnectionId; sent: Sequence; acked: Sequence; acknowledges: boolean }
  | { type: "commit"; id: ConnectionId; hold: number; sent: Sequence }
  | { type: "release"; id: ConnectionId; hold: number }
  | { type: "ack"; session: number; sequence: Sequence }
  | { type: "refuse"; id: ConnectionId; reason: RefusalReason }
  | { type: "close"; id: ConnectionId }
  /** The first `count` entries of the running insert are in Postgres. */
  | { type: "inserted"; count: number }
  /** The tenant holds more than its share, and others need the space: store the queue. */
  | { type: "reclaim" }
  | { type: "timeout" };

/** `replaced`, `retracted`: a later notification with the same collapse key came before it was sent. */
export type Settled = "acknowledged" | "stored" | "expired" | "replaced" | "retracted";

export interface LaneOutput {
  lookUp(lane: Lane): void;
  invite(lane: Lane, id: ConnectionId): void;
  /**
   * `stored`: nothing after it is stored; undefined if unknown. `queued`: the last sequence to send after the hold, if
   * any.
   */
  held(lane: Lane, attachment: Attachment, stored: Sequence | undefined, queued: Sequence | undefined): void;
  demote(lane: Lane, id: ConnectionId, reason: string, resume?: Sequence): void;
  send(lane: Lane, attachment: Attachment, entry: Entry): void;
  store(lane: Lane, entries: Entry[], reason: string): void;
  /** Deletes rows that the client acknowledged after their insert began. */
  deleteStored(lane: Lane, upTo: Sequence): void;
}

export interface LaneLimits {
  /** The most entries that are sent and unacknowledged. */
  window: number;
  /** The most unsettled entries in memory. Above it the lane is STORED. */
  maxQueued: number;
  maxBytes: number;
  ackMs: number;
  holdMs: number;
  inviteMs: number;
  tries: number;
}

/** Each tenant's use of the partition's bound: waiting-shares.ts. */
export interface Waiting {
  take(lane: Lane, entry: Entry): void;
  give(lane: Lane, entry: Entry): void;
  over(lane: Lane): boolean;
}

export interface LaneContext {
  limits: LaneLimits;
  waiting: Waiting;
  out: LaneOutput;
  /** The entry is finished: its record no longer counts it. */
  settle(lane: Lane, entry: Entry, how: Settled): void;
  /** ms of the monotonic clock, for deadlines. */
  now: number;
  /** ms since 1970, for expiry only. */
  wall: number;
  /** A number that is unique among the holds of this generation. */
  nextHold(): number;
  /**
   * False while anything that the tenant deferred is not in Postgres. A replay would miss it, so only connections that
   * are caught up get a hold.
   */
  drained(lane: Lane): boolean;
}

export const NEVER = Number.POSITIVE_INFINITY;

/** It sorts after every sequence, because sequences are hexadecimal. */
const NOT_KNOWN: Sequence = "~";

/** A queue has no connections, so its lane stores at once and never looks for connections. */
export function createLane(key: ClientKey): Lane {
  return {
    key,
    state: isQueueKey(key) ? "STORED" : "UNKNOWN",
    queue: [],
    storing: 0,
    sent: 0,
    bytes: 0,
    part: undefined,
    attachments: [],
    search: "idle",
    tries: 0,
    acked: START,
    storedTo: NOT_KNOWN,
    waitingSince: 0,
    deadline: NEVER,
    armed: NEVER,
    stirred: true,
  };
}

/** Forgetting the lane loses nothing: the client is looked up again when needed. */
export function idle(lane: Lane): boolean {
  return lane.queue.length === 0 && lane.search === "idle" && lane.state !== "HELD";
}

/** The lane knows no more than a new one. */
export function blank(lane: Lane): boolean {
  return idle(lane) && lane.state === "UNKNOWN" && lane.storedTo === NOT_KNOWN;
}

/** True if a connection with everything up to `sent` misses nothing: no later notification is stored or unsettled. */
export function caughtUp(lane: Lane, sent: Sequence): boolean {
  return lane.queue.length === 0 && lane.storedTo <= sent;
}
