import { START, type ClientKey, type Sequence } from "@saasaparilla/shared/notification.ts";
import type { RefusalReason } from "@saasaparilla/shared/signals.ts";

/**
 * The session: what one connection has been sent, and whether it replays or is live. A pure state machine: `step` takes an
 * event, changes the session, and says by `out` what is to be done. It knows no transport.
 *
 *   (opened) ---------- prepare --------> PREPARING -- held, and nothing is stored: commit ---------------> LIVE
 *                                         ^    |  \                                                        ^  |
 *                 the last page: prepare |    |    held --> CHECKING -- a page, and it is the last: commit -+  |
 *                                        |    v                |                                               |
 *                                      REPLAYING <-------------+-- more: release      demoted, gap, full, waiting
 */
export type SessionState = "REPLAYING" | "PREPARING" | "CHECKING" | "LIVE" | "CLOSED";

export interface Session {
  readonly key: ClientKey;
  /** Unique in this incarnation. */
  readonly id: number;
  /** Of accepted. */
  readonly partition: number;
  /** False for a transport that never acknowledges by itself. */
  readonly acknowledges: boolean;
  state: SessionState;
  /** The last sequence that was put into the outbox; at first, the cursor that the client came with. */
  sent: Sequence;
  /** The last sequence that the client is known to have. */
  acked: Sequence;
  /** Up to here the director need not hear of acknowledgements: those are rows, and the next `prepare` says how far they are acknowledged. */
  replayed: Sequence;
  /** Rows up to here may be in Postgres: they go when they are acknowledged. START where there are none. */
  storedUpTo: Sequence;
  /** Of the director that held for it, and the hold. */
  generation: number;
  hold: number;
  /** Which read's page is awaited; an older one's page proves nothing. */
  read: number;
  reading: boolean;
  tries: number;
  toldLive: boolean;
  toldPending: boolean;
}

export interface Row {
  sequence: Sequence;
  /** ms since 1970, by the broker. */
  appended: number;
  /** A notification's body, as in pack.ts. */
  body: Buffer;
}

/** What one read answered. */
export interface Page {
  rows: readonly Row[];
  /** False where it is certain that, when the read was made, nothing after these rows was stored. */
  more: boolean;
}

export type SessionEvent =
  | { type: "opened" }
  | ({ type: "page"; read: number } & Page)
  | { type: "readFailed"; read: number }
  /** `stored`: nothing after it is stored; undefined where only a read can tell. */
  | { type: "held"; generation: number; hold: number; stored?: Sequence }
  | { type: "demoted"; generation: number; resume?: Sequence }
  | { type: "invited"; generation: number }
  | { type: "deliver"; generation: number; prev: Sequence; row: Row }
  /** The client has everything up to here. */
  | { type: "ack"; sequence: Sequence }
  /** The outbox takes more again. */
  | { type: "drained" }
  /** The safety net found rows after `sent`. */
  | { type: "waiting" }
  /** The slot or its incarnation is another now: the director must hear of it. */
  | { type: "moved" }
  | { type: "timeout" }
  | { type: "closed" };

export interface SessionOutput {
  /** ms that a HELD is waited for before what is stored is read without one; doubled each time. */
  readonly prepareMs: number;
  read(session: Session): void;
  prepare(session: Session): void;
  commit(session: Session): void;
  release(session: Session): void;
  refuse(session: Session, reason: RefusalReason): void;
  close(session: Session): void;
  ack(session: Session, sequence: Sequence): void;
  deleteStored(session: Session, upTo: Sequence): void;
  /** False where the outbox is full, and nothing was written. */
  write(session: Session, row: Row): boolean;
  /** Hands over what the peer takes; true where nothing is left. */
  flush(session: Session): boolean;
  /** True while nothing more should be read for it. */
  congested(session: Session): boolean;
  tell(session: Session, what: "connected" | "live" | "replay_pending"): void;
  /** Replaces the session's one timer; undefined for none. */
  timer(session: Session, ms: number | undefined): void;
}

type Handler<T extends SessionEvent["type"]> = (
  session: Session,
  event: Extract<SessionEvent, { type: T }>,
  out: SessionOutput,
) => void;
type Table = Record<SessionState, { [T in SessionEvent["type"]]: Handler<T> }>;

/** ms until a failed read is tried again; doubled each time, up to the last. */
const READ_MS = [500, 10_000] as const;
/** ms: a HELD is waited for no longer, however often it did not come. */
const LONGEST_PREPARE_MS = 30_000;

export function createSession(
  of: Pick<Session, "key" | "id" | "partition" | "acknowledges">,
  cursor: Sequence | undefined,
): Session {
  const from = cursor ?? START;
  return {
    ...of,
    state: "REPLAYING",
    sent: from,
    acked: from,
    replayed: from,
    storedUpTo: from,
    generation: -1,
    hold: 0,
    read: 0,
    reading: false,
    tries: 0,
    toldLive: false,
    toldPending: false,
  };
}

export function step(session: Session, event: SessionEvent, out: SessionOutput): void {
  (sessionTable[session.state][event.type] as Handler<SessionEvent["type"]>)(session, event, out);
}

const ignore = (): void => {};

/** Total: the compiler notices a state or an event without a cell. */
export const sessionTable: Table = {
  REPLAYING: {
    // Held first: what is stored is read once then, and not at all where the director knows that it is nothing.
    opened: (session, _, out) => prepare(session, out),
    page(session, { read, rows, more }, out) {
      if (!answers(session, read)) return;
      if (rows.length > 0) session.tries = 0;
      session.toldPending = false;
      const { sent } = session;
      const all = writeRows(session, rows, out);
      if (session.sent > sent) session.replayed = session.sent;
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
    // The director is away, or has something deferred: what is stored is read all the same, without a hold.
    timeout: (session, _, out) => restart(session, out),
    closed: close,
  },

  CHECKING: {
    opened: ignore,
    page(session, { read, rows, more }, out) {
      if (!answers(session, read)) return;
      // What is still in the outbox would be overtaken by `live`.
      if (writeRows(session, rows, out) && !more && (session.toldLive || out.flush(session))) {
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
      // What was sent and not acknowledged is stored now, or soon.
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
      } else if (out.write(session, row)) {
        session.sent = row.sequence;
      } else {
        leave(session, "slow", out);
      }
    },
    ack: acknowledge,
    drained: ignore,
    waiting: (session, _, out) => leave(session, "replaying", out),
    moved: (session, _, out) => prepare(session, out),
    timeout: ignore,
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

/** Reads the next page, unless the outbox is to drain before. */
function replay(session: Session, out: SessionOutput): void {
  if (session.reading || out.congested(session)) return;
  readAgain(session, out);
}

function readAgain(session: Session, out: SessionOutput): void {
  session.read += 1;
  session.reading = true;
  out.timer(session, undefined);
  out.read(session);
}

/** True where the page is that of the read that is awaited. */
function answers(session: Session, read: number): boolean {
  if (read !== session.read) return false;
  session.reading = false;
  return true;
}

/** False where the outbox did not take them all. */
function writeRows(session: Session, rows: readonly Row[], out: SessionOutput): boolean {
  for (const row of rows) {
    if (row.sequence <= session.sent) continue;
    if (!out.write(session, row)) return false;
    session.sent = row.sequence;
    session.storedUpTo = row.sequence;
  }
  return true;
}

function readFailed(session: Session, { read }: { read: number }, out: SessionOutput): void {
  if (!answers(session, read)) return;
  if (!session.toldPending) out.tell(session, "replay_pending");
  session.toldPending = true;
  out.timer(session, backoff(session, READ_MS));
}

function prepare(session: Session, out: SessionOutput): void {
  session.state = "PREPARING";
  forgetRead(session);
  // After a takeover the director may have some of these rows too, unsettled.
  session.replayed = session.acked;
  out.prepare(session);
  out.timer(session, backoff(session, [out.prepareMs, LONGEST_PREPARE_MS]));
}

/** Step 3: a read, begun under the hold, is the proof that nothing older is left; or the director's word that nothing is stored. */
function check(session: Session, event: Extract<SessionEvent, { type: "held" }>, out: SessionOutput): void {
  const { generation, hold, stored } = event;
  if (generation < session.generation) return;
  session.generation = generation;
  session.hold = hold;
  // A hold says that the cursor is one of this topic's: only now may what is before it go.
  deleteAcknowledged(session, out);
  if (stored !== undefined && stored <= session.sent) {
    live(session, out);
  } else {
    session.state = "CHECKING";
    readAgain(session, out);
  }
}

function live(session: Session, out: SessionOutput): void {
  session.state = "LIVE";
  session.tries = 0;
  session.toldPending = false;
  forgetRead(session);
  out.timer(session, undefined);
  out.commit(session);
  if (!session.toldLive) out.tell(session, "live");
  session.toldLive = true;
}

function resumeFrom(session: Session, { resume }: { resume?: Sequence }, out: SessionOutput): void {
  if (resume === undefined) return;
  session.sent = resume;
  session.acked = resume;
  session.replayed = resume;
  session.storedUpTo = resume;
  session.toldLive = false;
  out.tell(session, "connected");
}

function restart(session: Session, out: SessionOutput): void {
  session.state = "REPLAYING";
  forgetRead(session);
  out.timer(session, undefined);
  replay(session, out);
}

/** A page that is still under way answers a question of before: it proves nothing now. */
function forgetRead(session: Session): void {
  session.reading = false;
  session.read += 1;
}

/** Out of LIVE by its own doing: the director is told once, so that it stores what is unsettled at once. */
function leave(session: Session, reason: RefusalReason, out: SessionOutput): void {
  session.storedUpTo = session.sent;
  out.refuse(session, reason);
  restart(session, out);
}

function acknowledge(session: Session, { sequence }: { sequence: Sequence }, out: SessionOutput): void {
  const upTo = sequence > session.sent ? session.sent : sequence;
  if (upTo <= session.acked) return;
  session.acked = upTo;
  if (upTo > session.replayed) out.ack(session, upTo);
  deleteAcknowledged(session, out);
}

function deleteAcknowledged(session: Session, out: SessionOutput): void {
  if (session.storedUpTo === START || session.acked === START) return;
  out.deleteStored(session, session.acked);
  if (session.acked >= session.storedUpTo) session.storedUpTo = START;
}

function close(session: Session, _: unknown, out: SessionOutput): void {
  session.state = "CLOSED";
  out.timer(session, undefined);
  out.close(session);
}

function backoff(session: Session, [first, most]: readonly [number, number]): number {
  const ms = Math.min(first * 2 ** session.tries, most);
  session.tries += 1;
  return ms;
}
