import type { Lane, LaneContext, LaneEvent, LaneState } from "./lane.ts";
import {
  acknowledge,
  attach,
  deadlineOf,
  detach,
  find,
  flush,
  grantWaiting,
  inviteOthers,
  lookUp,
  lose,
  lost,
  release,
  resume,
  settleStored,
  settleUpTo,
  storeRest,
  tryAgain,
} from "./lane-transitions.ts";
import { overflow, push } from "./lane-queue.ts";

type Handler<T extends LaneEvent["type"]> = (
  lane: Lane,
  event: Extract<LaneEvent, { type: T }>,
  context: LaneContext,
) => void;
type Table = Record<LaneState, { [T in LaneEvent["type"]]: Handler<T> }>;

export function step(lane: Lane, event: LaneEvent, context: LaneContext): void {
  (laneTable[lane.state][event.type] as Handler<LaneEvent["type"]>)(lane, event, context);
  lane.deadline = deadlineOf(lane, context.limits);
}

const ignore = (): void => {};

const reclaim = (lane: Lane, _: unknown, context: LaneContext): void => {
  if (lane.queue.length > lane.storing && context.waiting.over(lane)) storeRest(lane, context, "share");
};

/** Total: the compiler reports a state or an event without a cell. */
export const laneTable: Table = {
  UNKNOWN: {
    accepted(lane, { entry }, context) {
      push(lane, entry, context);
      const reason = overflow(lane, context);
      if (reason) storeRest(lane, context, reason);
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
      // The client may have further connections. They are looked up and invited.
      if (lane.search === "idle") lookUp(lane, context);
      attach(lane, event, context);
    },
    commit: (lane, { id }, { out }) => out.demote(lane, id, "no hold"),
    ack: (lane, { sequence }, context) => settleUpTo(lane, sequence, context),
    release: ignore,
    refuse: ignore,
    close(lane, _, context) {
      if (lane.search !== "inviting") return;
      lane.search = "idle";
      if (lane.queue.length > 0) lookUp(lane, context);
    },
    inserted: (lane, { count }, context) => settleStored(lane, count, context),
    reclaim,
    timeout: (lane, _, context) => tryAgain(lane, context),
  },

  STORED: {
    accepted(lane, { entry }, context) {
      push(lane, entry, context);
      storeRest(lane, context, "not connected");
    },
    // An earlier lookup can answer now. The client's other connections attach too.
    found: inviteOthers,
    prepare: (lane, event, context) => attach(lane, event, context),
    commit: (lane, { id }, { out }) => out.demote(lane, id, "no hold"),
    ack: (lane, { sequence }, context) => settleUpTo(lane, sequence, context),
    release: ignore,
    refuse: ignore,
    close: ignore,
    inserted: (lane, { count }, context) => settleStored(lane, count, context),
    reclaim: ignore,
    timeout: ignore,
  },

  HELD: {
    accepted(lane, { entry }, context) {
      push(lane, entry, context);
      const reason = overflow(lane, context);
      if (reason) storeRest(lane, context, reason);
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
      // The connection read under this hold, and found nothing after `sent`.
      if (sent < lane.storedTo) lane.storedTo = sent;
      attachment.pendingSince = 0;
      resume(lane, context);
    },
    ack(lane, { session, sequence }, context) {
      settleUpTo(lane, sequence, context);
      acknowledge(lane, session, sequence, context.now);
    },
    release: (lane, { id, hold }, context) => release(lane, id, hold, context),
    refuse: lose,
    close: lose,
    inserted(lane, { count }, context) {
      settleStored(lane, count, context);
      grantWaiting(lane, context);
    },
    reclaim,
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
      push(lane, entry, context);
      flush(lane, lane.sent, context);
      const reason = overflow(lane, context);
      if (reason) storeRest(lane, context, reason);
      else if (lane.queue.length > lane.sent && !lane.attachments.some(({ acknowledges }) => acknowledges)) {
        // The window is full and no connection acknowledges. A replay from Postgres follows the socket's pace instead.
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
    release: ignore,
    refuse: lose,
    close: lose,
    inserted: (lane, { count }, context) => settleStored(lane, count, context),
    reclaim,
    timeout(lane, _, context) {
      const late = context.now - context.limits.ackMs;
      for (const attachment of lane.attachments.filter(
        ({ pendingSince }) => pendingSince > 0 && pendingSince <= late,
      )) {
        detach(lane, attachment);
        context.out.demote(lane, attachment, "unacknowledged");
      }
      // Connections that never acknowledge can time out one by one, and each returns before the last leaves. The lane's
      // own clock ends this cycle.
      if (lane.queue.length > 0 && lane.waitingSince > 0 && lane.waitingSince <= late)
        storeRest(lane, context, "unacknowledged");
      else lost(lane, context, "store");
    },
  },
};
