import { START, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { ConnectionId } from "@saasaparilla/shared/protocol/control-messages.ts";
import {
  caughtUp,
  NEVER,
  type Attachment,
  type Entry,
  type Lane,
  type LaneContext,
  type LaneEvent,
  type LaneLimits,
} from "./lane.ts";
import { mayReplaceStored, remove } from "./lane-queue.ts";

/** The transitions that the cells of lane-table.ts use. Each leaves the lane consistent. */

export function find(lane: Lane, id: ConnectionId): Attachment | undefined {
  return lane.attachments.find(
    ({ slot, incarnation, session }) => session === id.session && incarnation === id.incarnation && slot === id.slot,
  );
}

export function lookUp(lane: Lane, { out }: LaneContext): void {
  if (lane.search !== "idle") return;
  lane.search = "looking";
  out.lookUp(lane);
}

export function tryAgain(lane: Lane, context: LaneContext): void {
  lane.search = "idle";
  lane.tries += 1;
  if (lane.queue.length === 0) return;
  if (lane.tries > context.limits.tries) storeRest(lane, context, "no answer");
  else lookUp(lane, context);
}

/** Step 3 of the handover, and step 7 if others are live. Until the hold ends, nothing is stored or sent. */
export function attach(
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
  // Only for the entries that came before any connection: later ones would keep the connection from becoming live.
  if (lane.state === "UNKNOWN" && mayReplaceStored(lane, sent)) {
    storeRest(lane, context, "collapse");
    return;
  }
  // A connection that asks again does not extend the hold for the others.
  if (lane.state !== "HELD") lane.deadline = NEVER;
  lane.state = "HELD";
  if (lane.search === "inviting") lane.search = "idle";
  grantWaiting(lane, context);
}

/**
 * A read under the hold must be complete: no insert into Postgres may be running, and no notification may be deferred.
 */
export function grantWaiting(lane: Lane, context: LaneContext): void {
  if (lane.storing > 0) return;
  const waiting = lane.attachments.filter(({ phase }) => phase === "waiting");
  if (context.drained(lane) || waiting.every(({ sent }) => caughtUp(lane, sent)))
    for (const attachment of waiting) grant(lane, attachment, context);
  else storeRest(lane, context, "deferred");
}

function grant(lane: Lane, attachment: Attachment, context: LaneContext): void {
  attachment.phase = "held";
  attachment.hold = context.nextHold();
  if (lane.deadline === NEVER) lane.deadline = context.now + context.limits.holdMs;
  const { sequence: last } = lane.queue.at(-1) ?? {};
  const queued = last !== undefined && last > attachment.sent ? last : undefined;
  context.out.held(lane, attachment, caughtUp(lane, attachment.sent) ? lane.storedTo : undefined, queued);
}

/** Makes the lane live again when no hold is left. */
export function resume(lane: Lane, context: LaneContext): void {
  if (lane.attachments.some(({ phase }) => phase !== "live")) return;
  lane.state = "LIVE";
  lane.tries = 0;
  flush(lane, 0, context);
}

/** Sends from the queue's entry `from` up to the window, to every connection that does not have the entry yet. */
export function flush(lane: Lane, from: number, context: LaneContext): void {
  const { out, limits, now, wall } = context;
  for (let at = from; at < lane.queue.length && at < limits.window; at += 1) {
    const entry = lane.queue[at]!;
    if (at >= lane.sent && expired(entry, wall)) {
      remove(lane, at, context);
      context.settle(lane, entry, "expired");
      at -= 1;
      continue;
    }
    for (const attachment of lane.attachments) {
      if (entry.sequence <= attachment.sent) {
        // This connection received the entry before the hold, and has not acknowledged it.
        attachment.pendingSince ||= now;
        continue;
      }
      out.send(lane, attachment, entry);
      attachment.sent = entry.sequence;
      attachment.pendingSince ||= now;
    }
    lane.sent = Math.max(lane.sent, at + 1);
  }
  if (lane.sent > 0) lane.waitingSince ||= now;
}

/** Cumulative. If an insert is running, its row is deleted afterwards. */
export function settleUpTo(lane: Lane, sequence: Sequence, context: LaneContext): void {
  if (lane.storing > 0 && sequence > lane.acked) lane.acked = sequence;
  const { queue, storing } = lane;
  let end = storing;
  for (; end < queue.length && queue[end]!.sequence <= sequence; end += 1) {
    const entry = queue[end]!;
    lane.bytes -= entry.body.length;
    context.waiting.give(lane, entry);
    context.settle(lane, entry, "acknowledged");
  }
  if (end === storing) return;
  lane.waitingSince = 0;
  lane.sent = Math.max(0, lane.sent - (end - storing));
  // Copied by hand, because splice would allocate an array for each acknowledgement.
  let to = storing;
  for (let from = end; from < queue.length; from += 1) queue[to++] = queue[from]!;
  queue.length = to;
}

export function settleStored(lane: Lane, count: number, context: LaneContext): void {
  const settled = lane.queue.splice(0, count);
  lane.storing -= settled.length;
  for (const entry of settled) {
    lane.bytes -= entry.body.length;
    context.settle(lane, entry, "stored");
  }
  if (settled.length > 0 && lane.acked >= settled[0]!.sequence) context.out.deleteStored(lane, lane.acked);
}

export function acknowledge(lane: Lane, session: number, sequence: Sequence, now: number): void {
  for (const attachment of lane.attachments) {
    // Session 0 is the client itself, by POST /v1/acks. A connection that cannot acknowledge shares those of the others
    // (`any`).
    if (attachment.session === session || session === 0 || !attachment.acknowledges) {
      attachment.pendingSince = sequence >= attachment.sent || attachment.pendingSince === 0 ? 0 : now;
    }
  }
}

export function detach(lane: Lane, attachment: Attachment): void {
  lane.attachments = lane.attachments.filter((other) => other !== attachment);
}

/** A refusal concerns what was sent, so it does not apply to a connection in a hold. A close applies in every phase. */
export function lose(lane: Lane, event: Extract<LaneEvent, { type: "refuse" | "close" }>, context: LaneContext): void {
  const attachment = find(lane, event.id);
  if (!attachment || (event.type === "refuse" && attachment.phase !== "live")) return;
  detach(lane, attachment);
  if (event.type === "close" || event.reason === "unknown") lost(lane, context, "look up");
  else lost(lane, context, event.reason === "slow" ? "store" : "await prepare");
}

/**
 * More is stored than the connection could read under the hold. The others continue, and it returns when it has read.
 */
export function release(lane: Lane, id: ConnectionId, hold: number, context: LaneContext): void {
  const attachment = find(lane, id);
  if (attachment?.phase !== "held" || attachment.hold !== hold) return;
  detach(lane, attachment);
  if (lane.attachments.length > 0) resume(lane, context);
  else storeRest(lane, context, "replaying");
}

/**
 * After the loss of a connection: continues with the others, or stores, looks up or awaits a connection for the queue.
 */
export function lost(lane: Lane, context: LaneContext, then: "store" | "look up" | "await prepare"): void {
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

/** Stores everything unsettled. Connections are demoted, and return by replaying. */
export function storeRest(lane: Lane, context: LaneContext, reason: string): void {
  const { out, wall, waiting } = context;
  lane.state = "STORED";
  lane.search = "idle";
  lane.tries = 0;
  lane.sent = 0;
  lane.waitingSince = 0;
  for (const attachment of lane.attachments) out.demote(lane, attachment, reason);
  lane.attachments = [];
  const rest = lane.queue.splice(lane.storing);
  for (const entry of rest) waiting.give(lane, entry);
  const alive = rest.filter((entry) => !expired(entry, wall));
  if (alive.length < rest.length) {
    for (const entry of rest) {
      if (!expired(entry, wall)) continue;
      lane.bytes -= entry.body.length;
      context.settle(lane, entry, "expired");
    }
  }
  if (lane.storing === 0) lane.acked = START;
  if (alive.length === 0) return;
  for (const entry of alive) lane.queue.push(entry);
  const last = alive.at(-1)!.sequence;
  if (last > lane.storedTo) lane.storedTo = last;
  lane.storing = lane.queue.length;
  out.store(lane, alive, reason);
}

export function inviteOthers(
  lane: Lane,
  { connections }: Extract<LaneEvent, { type: "found" }>,
  { out }: LaneContext,
): void {
  lane.search = "idle";
  for (const id of connections) if (!find(lane, id)) out.invite(lane, id);
}

function expired(entry: Entry, wall: number): boolean {
  return entry.expires !== 0 && entry.expires <= wall;
}

/** `deadline` is set at the start of a hold or an invitation. For a live lane it follows from its connections. */
export function deadlineOf(lane: Lane, { ackMs }: LaneLimits): number {
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
