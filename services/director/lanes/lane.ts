import type { Part } from "@saasaparilla/shared/fairness/fair-share.ts";
import { START, type ClientKey, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { ConnectionId, RefusalReason } from "@saasaparilla/shared/protocol/control-messages.ts";
import type { TrackedRecord } from "./offset-tracker.ts";

/**
 * The lane: the one place that decides whether a client's notifications are stored, held or sent. A pure state machine:
 * `step` (lane-table.ts) takes an event and the time, changes the lane, and says by `out` what is to be done. docs/internals/handover.md argues why
 * nothing is lost.
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

/** One unsettled notification. */
export interface Entry {
  sequence: Sequence;
  /** ms since 1970; 0 for never. */
  expires: number;
  /** As it is forwarded; a part of its record. */
  body: Buffer;
  record: TrackedRecord;
}

export interface Attachment extends ConnectionId {
  /** waiting: inserts are to be finished first. held: told so, its commit is awaited. live: it is sent notifications. */
  phase: "waiting" | "held" | "live";
  hold: number;
  /** The last sequence that it was sent: `prev` of the next. */
  sent: Sequence;
  /** False for a transport that never acknowledges by itself, such as a plain EventSource. */
  acknowledges: boolean;
  /** When the oldest unacknowledged one was sent, ms of the monotonic clock; 0 where there is none. */
  pendingSince: number;
}

export interface Lane {
  readonly key: ClientKey;
  state: LaneState;
  /** Everything unsettled, in order: first those whose insert is under way, then (LIVE) those sent, then the rest. */
  queue: Entry[];
  storing: number;
  sent: number;
  bytes: number;
  /** Its tenant's share, as it was when something was last accepted. What waits in the queue counts in it, and what is being stored does not. */
  part: Part | undefined;
  attachments: Attachment[];
  search: "idle" | "looking" | "inviting";
  tries: number;
  /** The highest sequence that the client acknowledged while its insert was under way. */
  acked: Sequence;
  /** Nothing after it is in Postgres or deferred, as far as this owner made it so; NOT_KNOWN until a connection has read. */
  storedTo: Sequence;
  /** Since when nothing of what was sent was settled, whoever was sent it; ms of the monotonic clock, 0 where there is nothing. */
  waitingSince: number;
  /** When `timeout` is due, ms of the monotonic clock. */
  deadline: number;
  /** When the timer that stands for it fires, at the latest; it may be earlier than the deadline. */
  armed: number;
  /** Something happened since it was last looked at (lane-map.ts). */
  stirred: boolean;
}

export type LaneEvent =
  | { type: "accepted"; entry: Entry }
  /** What Redis says: where the client is connected. */
  | { type: "found"; connections: readonly ConnectionId[] }
  | { type: "prepare"; id: ConnectionId; sent: Sequence; acked: Sequence; acknowledges: boolean }
  | { type: "commit"; id: ConnectionId; hold: number; sent: Sequence }
  | { type: "release"; id: ConnectionId; hold: number }
  | { type: "ack"; session: number; sequence: Sequence }
  | { type: "refuse"; id: ConnectionId; reason: RefusalReason }
  | { type: "close"; id: ConnectionId }
  /** The first `count` of those whose insert was under way are in Postgres. */
  | { type: "inserted"; count: number }
  /** Its tenant holds more than its share, and others need it: to be stored. */
  | { type: "reclaim" }
  | { type: "timeout" };

export type Settled = "acknowledged" | "stored" | "expired";

export interface LaneOutput {
  lookUp(lane: Lane): void;
  invite(lane: Lane, id: ConnectionId): void;
  /** `stored`: nothing after it is stored; undefined where that is not known. `queued`: the last that it is sent after the hold, where there is one. */
  held(lane: Lane, attachment: Attachment, stored: Sequence | undefined, queued: Sequence | undefined): void;
  demote(lane: Lane, id: ConnectionId, reason: string, resume?: Sequence): void;
  send(lane: Lane, attachment: Attachment, entry: Entry): void;
  store(lane: Lane, entries: Entry[], reason: string): void;
  /** Acknowledged after its insert had begun. */
  deleteStored(lane: Lane, upTo: Sequence): void;
}

export interface LaneLimits {
  /** Sent and unacknowledged, at most. */
  window: number;
  /** Unsettled in memory, at most; over it the lane is STORED. */
  maxQueued: number;
  maxBytes: number;
  ackMs: number;
  holdMs: number;
  inviteMs: number;
  tries: number;
}

/** What of the partition's bound each tenant has: waiting-shares.ts. */
export interface Waiting {
  take(lane: Lane, entry: Entry): void;
  give(lane: Lane, entry: Entry): void;
  over(lane: Lane): boolean;
}

export interface LaneContext {
  limits: LaneLimits;
  waiting: Waiting;
  out: LaneOutput;
  /** The entry is done with: its record counts it no more. */
  settle(lane: Lane, entry: Entry, how: Settled): void;
  /** ms of the monotonic clock, for deadlines. */
  now: number;
  /** ms since 1970, for expiry only. */
  wall: number;
  /** A number that no other hold of this generation has. */
  nextHold(): number;
  /** False while something that its tenant deferred is not in Postgres: held is then only who is caught up, for a replay would not find it. */
  drained(lane: Lane): boolean;
}

export const NEVER = Number.POSITIVE_INFINITY;

/** After every sequence: those are hexadecimal. */
const NOT_KNOWN: Sequence = "~";

export function createLane(key: ClientKey): Lane {
  return {
    key,
    state: "UNKNOWN",
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

/** Nothing would be lost by forgetting it: the client is looked up again when it is needed. */
export function idle(lane: Lane): boolean {
  return lane.queue.length === 0 && lane.search === "idle" && lane.state !== "HELD";
}

/** It knows no more than a new one would. */
export function blank(lane: Lane): boolean {
  return idle(lane) && lane.state === "UNKNOWN" && lane.storedTo === NOT_KNOWN;
}

/** True where a connection that has everything up to `sent` has all that there is: nothing is stored or unsettled after it. */
export function caughtUp(lane: Lane, sent: Sequence): boolean {
  return lane.queue.length === 0 && lane.storedTo <= sent;
}
