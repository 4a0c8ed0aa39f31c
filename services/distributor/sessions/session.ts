import { START, type ClientKey, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { RefusalReason } from "@saasaparilla/shared/protocol/control-messages.ts";

/**
 * The session: which notifications one connection was sent, and whether it replays or is live. A pure state machine:
 * `step` (session-table.ts) takes an event, changes the session, and returns actions through `out`. It is independent
 * of the transport.
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
  /** The partition of accepted. */
  readonly partition: number;
  /** False for a transport that never acknowledges on its own. */
  readonly acknowledges: boolean;
  /** False for a connection that did not ask for retracts: it passes over them. */
  readonly retracts: boolean;
  state: SessionState;
  /** The last sequence that entered the outbox or was passed over; at first, the client's cursor. */
  sent: Sequence;
  /** The last sequence that entered the outbox; at first, the client's cursor. */
  written: Sequence;
  /** False while only the client confirms its initial cursor. Nothing is deleted until a director has checked it. */
  cursorKnown: boolean;
  /**
   * Everything stored, deferred or queued at the last hold was written. Only a hold proves that, so it is true only in
   * LIVE.
   */
  caughtUp: boolean;
  /** The last notification that was queued at the hold; START if none was. */
  queued: Sequence;
  /** The last sequence that the client is known to have, on this connection. */
  acked: Sequence;
  /**
   * The director needs no acknowledgements up to here. These notifications are rows, and the next `prepare` reports how
   * far they are acknowledged.
   */
  replayed: Sequence;
  /** Rows up to here may be in Postgres. They are deleted when acknowledged. START if there are none. */
  storedUpTo: Sequence;
  /** The generation of the director that granted the hold, and the hold's number. */
  generation: number;
  hold: number;
  /** The number of the expected read. A page of an older read proves nothing. */
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
  /** A notification's body, as in shared/protocol/pack.ts. */
  body: Buffer;
}

/** The result of one read. */
export interface Page {
  rows: readonly Row[];
  /** False only if it is certain that nothing after these rows was stored at the time of the read. */
  more: boolean;
}

export type SessionEvent =
  | { type: "opened" }
  | ({ type: "page"; read: number } & Page)
  | { type: "readFailed"; read: number }
  /**
   * `stored`: nothing after it is stored; undefined if only a read can tell. `queued`: the last sequence that the
   * director sends after the hold.
   */
  | { type: "held"; generation: number; hold: number; stored?: Sequence; queued?: Sequence }
  | { type: "demoted"; generation: number; resume?: Sequence }
  | { type: "invited"; generation: number }
  | { type: "deliver"; generation: number; prev: Sequence; row: Row }
  /** The client has everything up to here. */
  | { type: "ack"; sequence: Sequence }
  /** The outbox takes more again. */
  | { type: "drained" }
  /** The safety net found rows after `sent`. */
  | { type: "waiting" }
  /** The slot or its incarnation changed: the director must be told. */
  | { type: "moved" }
  | { type: "timeout" }
  | { type: "closed" };

export interface SessionOutput {
  /** ms to wait for a HELD before a read without one; doubled each time. */
  readonly prepareMs: number;
  read(session: Session): void;
  prepare(session: Session): void;
  commit(session: Session): void;
  release(session: Session): void;
  refuse(session: Session, reason: RefusalReason): void;
  close(session: Session): void;
  ack(session: Session, sequence: Sequence): void;
  deleteStored(session: Session, upTo: Sequence): void;
  /** False if the outbox is full. Then nothing was written. */
  write(session: Session, row: Row): boolean;
  /** Hands over as much as the peer takes. True if nothing is left. */
  flush(session: Session): boolean;
  /** True while nothing more should be read for it. */
  congested(session: Session): boolean;
  /** The last sequence handed to the peer, without the outbox's queue. START if there is none. */
  given(session: Session): Sequence;
  /** Every stored notification is written. */
  caughtUp(session: Session): void;
  tell(session: Session, what: "connected" | "live" | "replay_pending"): void;
  /** Replaces the session's one timer; undefined for none. */
  timer(session: Session, ms: number | undefined): void;
}

export function createSession(
  of: Pick<Session, "key" | "id" | "partition" | "acknowledges" | "retracts">,
  cursor: Sequence | undefined,
): Session {
  const from = cursor ?? START;
  return {
    ...of,
    state: "REPLAYING",
    sent: from,
    written: from,
    cursorKnown: from === START,
    caughtUp: false,
    queued: START,
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
