import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import { START, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { doubled, type BackoffRange } from "@saasaparilla/shared/runtime/backoff.ts";
import type { RefusalReason } from "@saasaparilla/shared/protocol/control-messages.ts";
import type { Row, Session, SessionEvent, SessionOutput } from "./session.ts";

/** The transitions that the cells of session-table.ts use. */

/** ms until a failed read is retried; doubled each time, up to the last. */
const READ_MS = [500, 10_000] as const;
/**
 * ms: by then, everything queued at the hold has arrived or expired, was acknowledged on another connection, or waits
 * for that connection.
 */
const QUEUED_MS = 500;
/** ms: the longest wait for a HELD, regardless of failed attempts. */
const LONGEST_PREPARE_MS = 30_000;

/** Reads the next page, unless the outbox must drain first. */
export function replay(session: Session, out: SessionOutput): void {
  if (session.reading || out.congested(session)) return;
  readAgain(session, out);
}

function readAgain(session: Session, out: SessionOutput): void {
  session.read += 1;
  session.reading = true;
  out.timer(session, undefined);
  out.read(session);
}

/** True if the page belongs to the expected read. */
export function answers(session: Session, read: number): boolean {
  if (read !== session.read) return false;
  session.reading = false;
  return true;
}

/** False if the outbox did not take it. A retract for a connection that did not ask is passed over. */
export function give(session: Session, row: Row, out: SessionOutput): boolean {
  if (session.retracts || notificationBody.options(row.body)?.retract !== true) {
    if (!out.write(session, row)) return false;
    session.written = row.sequence;
  }
  session.sent = row.sequence;
  return true;
}

/**
 * The client cannot acknowledge a retract that it does not get. So the distributor does, once everything before it is
 * acknowledged.
 */
export function passOver(session: Session, out: SessionOutput): void {
  if (session.sent > session.written && session.acked >= session.written && session.acked < session.sent)
    acknowledged(session, session.sent, out);
}

/** False if the outbox did not take them all. */
export function writeRows(session: Session, rows: readonly Row[], out: SessionOutput): boolean {
  for (const row of rows) {
    if (row.sequence <= session.sent) continue;
    if (!give(session, row, out)) return false;
    session.storedUpTo = row.sequence;
  }
  return true;
}

export function readFailed(session: Session, { read }: { read: number }, out: SessionOutput): void {
  if (!answers(session, read)) return;
  if (!session.toldPending) out.tell(session, "replay_pending");
  session.toldPending = true;
  out.timer(session, backoff(session, READ_MS));
}

export function prepare(session: Session, out: SessionOutput): void {
  session.state = "PREPARING";
  session.caughtUp = false;
  forgetRead(session);
  // After a takeover, the director may have some of these rows too, unsettled.
  session.replayed = session.acked;
  out.prepare(session);
  out.timer(session, backoff(session, [out.prepareMs, LONGEST_PREPARE_MS]));
}

/**
 * Step 3: a read that began under the hold proves that nothing older is left. The director's word that nothing is
 * stored proves it too.
 */
export function check(session: Session, event: Extract<SessionEvent, { type: "held" }>, out: SessionOutput): void {
  const { generation, hold, stored, queued = START } = event;
  if (generation < session.generation) return;
  session.generation = generation;
  session.hold = hold;
  session.queued = queued;
  // A hold confirms that the cursor is from this topic. Only now may earlier rows be deleted.
  session.cursorKnown = true;
  deleteAcknowledged(session, out);
  if (stored !== undefined && stored <= session.sent) {
    live(session, out);
  } else {
    session.state = "CHECKING";
    readAgain(session, out);
  }
}

export function live(session: Session, out: SessionOutput): void {
  session.state = "LIVE";
  session.tries = 0;
  session.toldPending = false;
  forgetRead(session);
  out.timer(session, undefined);
  out.commit(session);
  if (!session.toldLive) out.tell(session, "live");
  session.toldLive = true;
  if (session.queued <= session.sent) catchUp(session, out);
  else out.timer(session, QUEUED_MS);
}

export function catchUp(session: Session, out: SessionOutput): void {
  session.caughtUp = true;
  out.caughtUp(session);
}

export function resumeFrom(session: Session, { resume }: { resume?: Sequence }, out: SessionOutput): void {
  if (resume === undefined) return;
  session.sent = resume;
  session.written = resume;
  session.acked = resume;
  session.replayed = resume;
  session.storedUpTo = resume;
  // The cursor is the director's own.
  session.cursorKnown = true;
  session.toldLive = false;
  out.tell(session, "connected");
}

export function restart(session: Session, out: SessionOutput): void {
  session.state = "REPLAYING";
  session.caughtUp = false;
  forgetRead(session);
  out.timer(session, undefined);
  replay(session, out);
}

/** A running read answers an earlier question, so its page proves nothing now. */
function forgetRead(session: Session): void {
  session.reading = false;
  session.read += 1;
}

/**
 * Leaves LIVE on the session's initiative. The director is told once, so that it stores unsettled notifications at
 * once.
 */
export function leave(session: Session, reason: RefusalReason, out: SessionOutput): void {
  session.storedUpTo = session.sent;
  out.refuse(session, reason);
  restart(session, out);
}

/**
 * A client can send any cursor, and an acknowledgement deletes. So a cursor beyond the last one sent to this peer is
 * ignored.
 */
export function acknowledge(session: Session, { sequence }: { sequence: Sequence }, out: SessionOutput): void {
  if (sequence <= session.acked || sequence > out.given(session)) return;
  acknowledged(session, sequence >= session.written ? session.sent : sequence, out);
}

function acknowledged(session: Session, sequence: Sequence, out: SessionOutput): void {
  session.acked = sequence;
  if (sequence > session.replayed) out.ack(session, sequence);
  deleteAcknowledged(session, out);
}

function deleteAcknowledged(session: Session, out: SessionOutput): void {
  if (!session.cursorKnown || session.storedUpTo === START || session.acked === START) return;
  out.deleteStored(session, session.acked);
  if (session.acked >= session.storedUpTo) session.storedUpTo = START;
}

export function close(session: Session, _: unknown, out: SessionOutput): void {
  session.state = "CLOSED";
  out.timer(session, undefined);
  out.close(session);
}

/** Without jitter, which session-effects.ts adds: transitions are deterministic. */
function backoff(session: Session, range: BackoffRange): number {
  const ms = doubled(session.tries, range);
  session.tries += 1;
  return ms;
}
