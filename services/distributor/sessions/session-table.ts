import type { Session, SessionEvent, SessionOutput, SessionState } from "./session.ts";
import {
  replay,
  answers,
  writeRows,
  readFailed,
  prepare,
  check,
  live,
  resumeFrom,
  restart,
  leave,
  acknowledge,
  give,
  passOver,
  catchUp,
  close,
} from "./session-transitions.ts";

type Handler<T extends SessionEvent["type"]> = (
  session: Session,
  event: Extract<SessionEvent, { type: T }>,
  out: SessionOutput,
) => void;
type Table = Record<SessionState, { [T in SessionEvent["type"]]: Handler<T> }>;

export function step(session: Session, event: SessionEvent, out: SessionOutput): void {
  (sessionTable[session.state][event.type] as Handler<SessionEvent["type"]>)(session, event, out);
}

const ignore = (): void => {};

/** Total: the compiler reports a state or an event without a cell. */
export const sessionTable: Table = {
  REPLAYING: {
    // The hold comes first. Then stored notifications are read once, or not at all if the director knows that there are
    // none.
    opened: (session, _, out) => prepare(session, out),
    page(session, { read, rows, more }, out) {
      if (!answers(session, read)) return;
      if (rows.length > 0) session.tries = 0;
      session.toldPending = false;
      const { sent } = session;
      const all = writeRows(session, rows, out);
      if (session.sent > sent) session.replayed = session.sent;
      passOver(session, out);
      if (all && !more && out.flush(session)) prepare(session, out);
      else replay(session, out);
    },
    readFailed,
    held: ignore,
    demoted(session, event, out) {
      if (event.resume === undefined) return;
      resumeFrom(session, event, out);
      restart(session, out);
    },
    invited: ignore,
    deliver: ignore,
    ack: acknowledge,
    drained: (session, _, out) => replay(session, out),
    waiting: ignore,
    moved: ignore,
    timeout: (session, _, out) => replay(session, out),
    closed: close,
  },

  PREPARING: {
    opened: ignore,
    page: ignore,
    readFailed: ignore,
    held: check,
    demoted(session, event, out) {
      resumeFrom(session, event, out);
      restart(session, out);
    },
    invited: (session, _, out) => prepare(session, out),
    deliver: ignore,
    ack: acknowledge,
    drained: ignore,
    waiting: (session, _, out) => restart(session, out),
    moved: (session, _, out) => prepare(session, out),
    // The director is away, or has deferred notifications. The stored ones are read without a hold.
    timeout: (session, _, out) => restart(session, out),
    closed: close,
  },

  CHECKING: {
    opened: ignore,
    page(session, { read, rows, more }, out) {
      if (!answers(session, read)) return;
      const all = writeRows(session, rows, out);
      passOver(session, out);
      // `live` would overtake items that are still in the outbox.
      if (all && !more && (session.toldLive || out.flush(session))) {
        live(session, out);
      } else {
        out.release(session);
        session.state = "REPLAYING";
        replay(session, out);
      }
    },
    readFailed(session, event, out) {
      if (event.read !== session.read) return;
      out.release(session);
      session.state = "REPLAYING";
      readFailed(session, event, out);
    },
    held: check,
    demoted(session, event, out) {
      if (event.generation < session.generation) return;
      resumeFrom(session, event, out);
      restart(session, out);
    },
    invited(session, { generation }, out) {
      if (generation > session.generation) prepare(session, out);
    },
    deliver: ignore,
    ack: acknowledge,
    drained: ignore,
    waiting: ignore,
    moved: (session, _, out) => prepare(session, out),
    timeout: ignore,
    closed: close,
  },

  LIVE: {
    opened: ignore,
    page: ignore,
    readFailed: ignore,
    held: ignore,
    demoted(session, event, out) {
      if (event.generation < session.generation) return;
      // Unacknowledged notifications are stored now or soon.
      session.storedUpTo = session.sent;
      resumeFrom(session, event, out);
      restart(session, out);
    },
    invited(session, { generation }, out) {
      if (generation >= session.generation) prepare(session, out);
    },
    deliver(session, { generation, prev, row }, out) {
      if (generation < session.generation || row.sequence <= session.sent) return;
      if (generation > session.generation || prev !== session.sent) {
        leave(session, "gap", out);
      } else if (give(session, row, out)) {
        passOver(session, out);
        if (!session.caughtUp && row.sequence >= session.queued) catchUp(session, out);
      } else {
        leave(session, "slow", out);
      }
    },
    ack: acknowledge,
    drained: ignore,
    waiting: (session, _, out) => leave(session, "replaying", out),
    moved: (session, _, out) => prepare(session, out),
    timeout(session, _, out) {
      if (!session.caughtUp) catchUp(session, out);
    },
    closed: close,
  },

  CLOSED: {
    opened: ignore,
    page: ignore,
    readFailed: ignore,
    held: ignore,
    demoted: ignore,
    invited: ignore,
    deliver: ignore,
    ack: ignore,
    drained: ignore,
    waiting: ignore,
    moved: ignore,
    timeout: ignore,
    closed: ignore,
  },
};
