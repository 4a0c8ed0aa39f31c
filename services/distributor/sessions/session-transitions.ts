import { START, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { doubled, type BackoffRange } from "@saasaparilla/shared/runtime/backoff.ts";
import type { RefusalReason } from "@saasaparilla/shared/protocol/control-messages.ts";
import type { Row, Session, SessionEvent, SessionOutput } from "./session.ts";

/** What the cells of the table in session-table.ts are made of: the moves of a session. */

/** ms until a failed read is tried again; doubled each time, up to the last. */
const READ_MS = [500, 10_000] as const;
/** ms: what was queued at the hold is there by then, or was acknowledged on another connection, has expired, or waits for that connection. */
const QUEUED_MS = 500;
/** ms: a HELD is waited for no longer, however often it did not come. */
const LONGEST_PREPARE_MS = 30_000;

/** Reads the next page, unless the outbox is to drain before. */
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

/** True where the page is that of the read that is awaited. */
export function answers(session: Session, read: number): boolean {
  if (read !== session.read) return false;
  session.reading = false;
  return true;
}

/** False where the outbox did not take them all. */
export function writeRows(session: Session, rows: readonly Row[], out: SessionOutput): boolean {
  for (const row of rows) {
    if (row.sequence <= session.sent) continue;
    if (!out.write(session, row)) return false;
    session.sent = row.sequence;
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
  // After a takeover the director may have some of these rows too, unsettled.
  session.replayed = session.acked;
  out.prepare(session);
  out.timer(session, backoff(session, [out.prepareMs, LONGEST_PREPARE_MS]));
}

/** Step 3: a read, begun under the hold, is the proof that nothing older is left; or the director's word that nothing is stored. */
export function check(session: Session, event: Extract<SessionEvent, { type: "held" }>, out: SessionOutput): void {
  const { generation, hold, stored, queued = START } = event;
  if (generation < session.generation) return;
  session.generation = generation;
  session.hold = hold;
  session.queued = queued;
  // A hold says that the cursor is one of this topic's: only now may what is before it go.
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
  session.acked = resume;
  session.replayed = resume;
  session.storedUpTo = resume;
  // It is the director's own.
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

/** A page that is still under way answers a question of before: it proves nothing now. */
function forgetRead(session: Session): void {
  session.reading = false;
  session.read += 1;
}

/** Out of LIVE by its own doing: the director is told once, so that it stores what is unsettled at once. */
export function leave(session: Session, reason: RefusalReason, out: SessionOutput): void {
  session.storedUpTo = session.sent;
  out.refuse(session, reason);
  restart(session, out);
}

/** A client can send any cursor, and an acknowledgement deletes. So a cursor beyond what this peer was given is ignored. */
export function acknowledge(session: Session, { sequence }: { sequence: Sequence }, out: SessionOutput): void {
  if (sequence <= session.acked || sequence > out.given(session)) return;
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

/** Without jitter, which session-effects.ts adds: a transition is the same each time. */
function backoff(session: Session, range: BackoffRange): number {
  const ms = doubled(session.tries, range);
  session.tries += 1;
  return ms;
}
