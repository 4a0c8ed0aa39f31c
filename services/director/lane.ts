import { START, type ClientKey, type Sequence } from "@saasaparilla/shared/notification.ts";
import type { ConnectionId, RefusalReason } from "@saasaparilla/shared/signals.ts";
import type { TrackedRecord } from "./settle.ts";

/**
 * The lane: the one place that decides whether a client's notifications are stored, held or sent. A pure state machine:
 * `step` takes an event and the time, changes the lane, and says by `out` what is to be done. docs/handover.md argues why
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
 *      +----+---- last connection lost -------------------------+---> STORED (slow, overflow, unacknowledged)
 */
export type LaneState = "UNKNOWN" | "STORED" | "HELD" | "LIVE";

/** One unsettled notification. */
export interface Entry {
  sequence: Sequence;
  /** ms since 1970, by the broker. */
  appended: number;
  /** ms since 1970; 0 for never. */
  expires: number;
  /** As it is forwarded. */
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
  attachments: Attachment[];
  search: "idle" | "looking" | "inviting";
  tries: number;
  /** The highest sequence that the client acknowledged while its insert was under way. */
  acked: Sequence;
  /** When `timeout` is due, ms of the monotonic clock. */
  deadline: number;
  /** When the timer that stands for it fires, at the latest; it may be earlier than the deadline. */
  armed: number;
}

export type LaneEvent =
  | { type: "accepted"; entry: Entry }
  /** What Redis says: where the client is connected. */
  | { type: "found"; connections: readonly ConnectionId[] }
  | { type: "prepare"; id: ConnectionId; sent: Sequence; acked: Sequence; acknowledges: boolean }
  | { type: "commit"; id: ConnectionId; hold: number; sent: Sequence }
  | { type: "ack"; session: number; sequence: Sequence }
  | { type: "refuse"; id: ConnectionId; reason: RefusalReason }
  | { type: "close"; id: ConnectionId }
  /** The first `count` of those whose insert was under way are in Postgres. */
  | { type: "inserted"; count: number }
  | { type: "timeout" };

export type Settled = "acknowledged" | "stored" | "expired";

export interface LaneOutput {
  lookUp(lane: Lane): void;
  invite(lane: Lane, id: ConnectionId): void;
  held(lane: Lane, attachment: Attachment): void;
  demote(lane: Lane, id: ConnectionId, reason: string, resume?: Sequence): void;
  send(lane: Lane, attachment: Attachment, entry: Entry): void;
  store(lane: Lane, entries: Entry[]): void;
  settle(lane: Lane, entry: Entry, how: Settled): void;
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

export interface LaneContext {
  limits: LaneLimits;
  out: LaneOutput;
  /** ms of the monotonic clock, for deadlines. */
  now: number;
  /** ms since 1970, for expiry only. */
  wall: number;
  /** A number that no other hold of this generation has. */
  nextHold(): number;
  /** False while something deferred is not in Postgres: nothing is held then, for a replay would not find it. */
  drained(): boolean;
}

type Handler<T extends LaneEvent["type"]> = (
  lane: Lane,
  event: Extract<LaneEvent, { type: T }>,
  context: LaneContext,
) => void;
type Table = Record<LaneState, { [T in LaneEvent["type"]]: Handler<T> }>;

export const NEVER = Number.POSITIVE_INFINITY;

export function createLane(key: ClientKey): Lane {
  return {
    key,
    state: "UNKNOWN",
    queue: [],
    storing: 0,
    sent: 0,
    bytes: 0,
    attachments: [],
    search: "idle",
    tries: 0,
    acked: START,
    deadline: NEVER,
    armed: NEVER,
  };
}

/** Nothing would be lost by forgetting it: the client is looked up again when it is needed. */
export function idle(lane: Lane): boolean {
  return lane.queue.length === 0 && lane.search === "idle" && lane.state !== "HELD";
}

export function step(lane: Lane, event: LaneEvent, context: LaneContext): void {
  (table[lane.state][event.type] as Handler<LaneEvent["type"]>)(lane, event, context);
  lane.deadline = deadlineOf(lane, context.limits);
}

const ignore = (): void => {};

const table: Table = {
  UNKNOWN: {
    accepted(lane, { entry }, context) {
      push(lane, entry);
      if (overflows(lane, context)) storeRest(lane, context, "overflow");
      else lookUp(lane, context);
    },
    found(lane, { connections }, context) {
      lane.search = "idle";
      if (lane.queue.length === 0) return;
      if (connections.length === 0) {
        storeRest(lane, context, "not connected");
        return;
      }
      lane.search = "inviting";
      lane.deadline = context.now + context.limits.inviteMs * 2 ** lane.tries;
      for (const id of connections) context.out.invite(lane, id);
    },
    prepare(lane, event, context) {
      // The client may have more connections than the one that came by itself: they are looked up, and invited.
      if (lane.search === "idle") lookUp(lane, context);
      attach(lane, event, context);
    },
    commit: (lane, { id }, { out }) => out.demote(lane, id, "no hold"),
    ack: (lane, { sequence }, context) => settleUpTo(lane, sequence, context),
    refuse: ignore,
    close(lane, _, context) {
      if (lane.search !== "inviting") return;
      lane.search = "idle";
      if (lane.queue.length > 0) lookUp(lane, context);
    },
    inserted: (lane, { count }, context) => settleStored(lane, count, context),
    timeout: (lane, _, context) => tryAgain(lane, context),
  },

  STORED: {
    accepted(lane, { entry }, context) {
      push(lane, entry);
      storeRest(lane, context, "not connected");
    },
    found: ignore,
    prepare: (lane, event, context) => attach(lane, event, context),
    commit: (lane, { id }, { out }) => out.demote(lane, id, "no hold"),
    ack: (lane, { sequence }, context) => settleUpTo(lane, sequence, context),
    refuse: ignore,
    close: ignore,
    inserted: (lane, { count }, context) => settleStored(lane, count, context),
    timeout: ignore,
  },

  HELD: {
    accepted(lane, { entry }, context) {
      push(lane, entry);
      if (overflows(lane, context)) storeRest(lane, context, "overflow");
    },
    found: inviteOthers,
    prepare: (lane, event, context) => attach(lane, event, context),
    commit(lane, { id, hold, sent }, context) {
      const attachment = find(lane, id);
      if (attachment?.hold !== hold || attachment.phase === "waiting") {
        if (attachment?.phase !== "waiting") context.out.demote(lane, id, "the hold is over");
        return;
      }
      attachment.phase = "live";
      attachment.sent = sent;
      attachment.pendingSince = 0;
      resume(lane, context);
    },
    ack(lane, { session, sequence }, context) {
      settleUpTo(lane, sequence, context);
      acknowledge(lane, session, sequence, context.now);
    },
    refuse: lose,
    close: lose,
    inserted(lane, { count }, context) {
      settleStored(lane, count, context);
      grantWaiting(lane, context);
    },
    timeout(lane, _, context) {
      for (const attachment of lane.attachments.filter(({ phase }) => phase === "held")) {
        detach(lane, attachment);
        context.out.demote(lane, attachment, "the hold took too long");
      }
      lost(lane, context, "store");
    },
  },

  LIVE: {
    accepted(lane, { entry }, context) {
      push(lane, entry);
      flush(lane, lane.sent, context);
      if (overflows(lane, context)) storeRest(lane, context, "overflow");
      else if (lane.queue.length > lane.sent && !lane.attachments.some(({ acknowledges }) => acknowledges)) {
        // The window is full and nobody will acknowledge: replay from Postgres goes at the pace of the socket instead.
        storeRest(lane, context, "paced");
      }
    },
    found: inviteOthers,
    prepare: (lane, event, context) => attach(lane, event, context),
    commit(lane, { id, hold }, { out }) {
      if (find(lane, id)?.hold !== hold) out.demote(lane, id, "the hold is over");
    },
    ack(lane, { session, sequence }, context) {
      settleUpTo(lane, sequence, context);
      acknowledge(lane, session, sequence, context.now);
      lane.tries = 0;
      flush(lane, lane.sent, context);
    },
    refuse: lose,
    close: lose,
    inserted: (lane, { count }, context) => settleStored(lane, count, context),
    timeout(lane, _, context) {
      const late = context.now - context.limits.ackMs;
      for (const attachment of lane.attachments.filter(
        ({ pendingSince }) => pendingSince > 0 && pendingSince <= late,
      )) {
        detach(lane, attachment);
        context.out.demote(lane, attachment, "unacknowledged");
      }
      lost(lane, context, "store");
    },
  },
};

function push(lane: Lane, entry: Entry): void {
  lane.queue.push(entry);
  lane.bytes += entry.body.length;
}

function overflows(lane: Lane, { limits }: LaneContext): boolean {
  return lane.queue.length > limits.maxQueued || lane.bytes > limits.maxBytes;
}

function find(lane: Lane, id: ConnectionId): Attachment | undefined {
  return lane.attachments.find(
    ({ slot, incarnation, session }) => session === id.session && incarnation === id.incarnation && slot === id.slot,
  );
}

function lookUp(lane: Lane, { out }: LaneContext): void {
  if (lane.search !== "idle") return;
  lane.search = "looking";
  out.lookUp(lane);
}

function tryAgain(lane: Lane, context: LaneContext): void {
  lane.search = "idle";
  lane.tries += 1;
  if (lane.queue.length === 0) return;
  if (lane.tries > context.limits.tries) storeRest(lane, context, "no answer");
  else lookUp(lane, context);
}

/** Step 3 of the handover, and step 7 where others are live: nothing is stored or sent until the hold is over. */
function attach(
  lane: Lane,
  { id, sent, acked, acknowledges }: Extract<LaneEvent, { type: "prepare" }>,
  context: LaneContext,
): void {
  settleUpTo(lane, acked, context);
  let attachment = find(lane, id);
  if (!attachment) {
    attachment = { ...id, phase: "waiting", hold: 0, sent, acknowledges, pendingSince: 0 };
    lane.attachments.push(attachment);
  }
  attachment.phase = "waiting";
  attachment.sent = sent;
  attachment.acknowledges = acknowledges;
  lane.state = "HELD";
  if (lane.search === "inviting") lane.search = "idle";
  grantWaiting(lane, context);
}

/** What is read under the hold must be all there is: nothing is on its way into Postgres any more, nothing is deferred. */
function grantWaiting(lane: Lane, context: LaneContext): void {
  if (lane.storing > 0) return;
  if (context.drained()) {
    for (const attachment of lane.attachments) if (attachment.phase === "waiting") grant(lane, attachment, context);
  } else {
    storeRest(lane, context, "deferred");
  }
}

function grant(lane: Lane, attachment: Attachment, context: LaneContext): void {
  attachment.phase = "held";
  attachment.hold = context.nextHold();
  if (
    lane.deadline === NEVER ||
    lane.deadline <= context.now ||
    lane.attachments.filter(({ phase }) => phase === "held").length === 1
  ) {
    lane.deadline = context.now + context.limits.holdMs;
  }
  context.out.held(lane, attachment);
}

/** Live again when no hold is left. */
function resume(lane: Lane, context: LaneContext): void {
  if (lane.attachments.some(({ phase }) => phase !== "live")) return;
  lane.state = "LIVE";
  lane.tries = 0;
  flush(lane, 0, context);
}

/** Sends what the window allows, from the queue's entry `from` on, to every connection that was not sent it yet. */
function flush(lane: Lane, from: number, context: LaneContext): void {
  const { out, limits, now, wall } = context;
  for (let at = from; at < lane.queue.length && at < limits.window; at += 1) {
    const entry = lane.queue[at]!;
    if (at >= lane.sent && expired(entry, wall)) {
      remove(lane, at);
      out.settle(lane, entry, "expired");
      at -= 1;
      continue;
    }
    for (const attachment of lane.attachments) {
      if (entry.sequence <= attachment.sent) {
        // A connection that had it before the hold, and has not acknowledged it.
        attachment.pendingSince ||= now;
        continue;
      }
      out.send(lane, attachment, entry);
      attachment.sent = entry.sequence;
      attachment.pendingSince ||= now;
    }
    lane.sent = Math.max(lane.sent, at + 1);
  }
}

/** Cumulative. Where an insert is under way its row is deleted after it. */
function settleUpTo(lane: Lane, sequence: Sequence, { out }: LaneContext): void {
  if (lane.storing > 0 && sequence > lane.acked) lane.acked = sequence;
  let count = lane.storing;
  while (count < lane.queue.length && lane.queue[count]!.sequence <= sequence) count += 1;
  const settled = lane.queue.splice(lane.storing, count - lane.storing);
  lane.sent = Math.max(0, lane.sent - settled.length);
  for (const entry of settled) {
    lane.bytes -= entry.body.length;
    out.settle(lane, entry, "acknowledged");
  }
}

function settleStored(lane: Lane, count: number, { out }: LaneContext): void {
  const settled = lane.queue.splice(0, count);
  lane.storing -= settled.length;
  for (const entry of settled) {
    lane.bytes -= entry.body.length;
    out.settle(lane, entry, "stored");
  }
  if (settled.length > 0 && lane.acked >= settled[0]!.sequence) out.deleteStored(lane, lane.acked);
}

function acknowledge(lane: Lane, session: number, sequence: Sequence, now: number): void {
  for (const attachment of lane.attachments) {
    // Session 0 is the client itself, by POST /v1/acks; and one that cannot acknowledge is served by the others' (`any`).
    if (attachment.session === session || session === 0 || !attachment.acknowledges) {
      attachment.pendingSince = sequence >= attachment.sent || attachment.pendingSince === 0 ? 0 : now;
    }
  }
}

function detach(lane: Lane, attachment: Attachment): void {
  lane.attachments = lane.attachments.filter((other) => other !== attachment);
}

/** A refusal speaks of what was sent: it is nothing to a connection that is in a hold. A close is, in every phase. */
function lose(lane: Lane, event: Extract<LaneEvent, { type: "refuse" | "close" }>, context: LaneContext): void {
  const attachment = find(lane, event.id);
  if (!attachment || (event.type === "refuse" && attachment.phase !== "live")) return;
  detach(lane, attachment);
  if (event.type === "close" || event.reason === "unknown") lost(lane, context, "look up");
  else lost(lane, context, event.reason === "slow" ? "store" : "await prepare");
}

/** After a connection was lost: on with the others, or what is unsettled is stored, or looked up for, or awaited. */
function lost(lane: Lane, context: LaneContext, then: "store" | "look up" | "await prepare"): void {
  if (lane.attachments.length > 0) {
    if (lane.state === "HELD") resume(lane, context);
    return;
  }
  if (lane.storing > 0 || (then === "store" && lane.queue.length > 0)) {
    storeRest(lane, context, "lost");
    return;
  }
  lane.state = "UNKNOWN";
  lane.sent = 0;
  if (lane.search !== "idle" || lane.queue.length === 0) return;
  if (then === "look up") {
    tryAgain(lane, context);
  } else {
    lane.search = "inviting";
    lane.deadline = context.now + context.limits.inviteMs;
  }
}

/** Everything from the first unsettled on is stored; connections are told, and come back by replaying. */
function storeRest(lane: Lane, context: LaneContext, reason: string): void {
  const { out, wall } = context;
  lane.state = "STORED";
  lane.search = "idle";
  lane.tries = 0;
  lane.sent = 0;
  for (const attachment of lane.attachments) out.demote(lane, attachment, reason);
  lane.attachments = [];
  const rest = lane.queue.splice(lane.storing);
  const alive = rest.filter((entry) => !expired(entry, wall));
  if (alive.length < rest.length) {
    for (const entry of rest) {
      if (!expired(entry, wall)) continue;
      lane.bytes -= entry.body.length;
      out.settle(lane, entry, "expired");
    }
  }
  if (lane.storing === 0) lane.acked = START;
  if (alive.length === 0) return;
  for (const entry of alive) lane.queue.push(entry);
  lane.storing = lane.queue.length;
  out.store(lane, alive);
}

function inviteOthers(lane: Lane, { connections }: Extract<LaneEvent, { type: "found" }>, { out }: LaneContext): void {
  lane.search = "idle";
  for (const id of connections) if (!find(lane, id)) out.invite(lane, id);
}

function remove(lane: Lane, at: number): void {
  const [entry] = lane.queue.splice(at, 1);
  lane.bytes -= entry!.body.length;
}

function expired(entry: Entry, wall: number): boolean {
  return entry.expires !== 0 && entry.expires <= wall;
}

/** `deadline` was set where a hold or an invitation began; of a live lane it follows from its connections. */
function deadlineOf(lane: Lane, { ackMs }: LaneLimits): number {
  switch (lane.state) {
    case "STORED":
      return NEVER;
    case "UNKNOWN":
      return lane.search === "inviting" ? lane.deadline : NEVER;
    case "HELD":
      return lane.attachments.some(({ phase }) => phase === "held") ? lane.deadline : NEVER;
    case "LIVE":
      return lane.attachments.reduce(
        (soonest, { pendingSince }) => (pendingSince > 0 ? Math.min(soonest, pendingSince + ackMs) : soonest),
        NEVER,
      );
  }
}
