import { START, type ClientKey, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { RefusalReason } from "@saasaparilla/shared/protocol/control-messages.ts";

/**
 * The session: what one connection has been sent, and whether it replays or is live. A pure state machine: `step` (session-table.ts) takes an
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
  /** False while only the client vouches for the cursor that it came with: until a director has checked it, nothing is deleted. */
  cursorKnown: boolean;
  /** Everything that was stored, deferred or queued at the last hold was written. Only a hold proves that: in LIVE alone it is true. */
  caughtUp: boolean;
  /** The last notification that was queued at the hold; START where there was none. */
  queued: Sequence;
  /** The last sequence that the client is known to have, by this connection. */
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
  /** A notification's body, as in shared/protocol/pack.ts. */
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
  /** `stored`: nothing after it is stored; undefined where only a read can tell. `queued`: the last that the director sends after the hold. */
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
  /** The last sequence that was handed over to the peer: what waits in the outbox is not among it. START where that is nothing. */
  given(session: Session): Sequence;
  /** Nothing that is stored is left to write. */
  caughtUp(session: Session): void;
  tell(session: Session, what: "connected" | "live" | "replay_pending"): void;
  /** Replaces the session's one timer; undefined for none. */
  timer(session: Session, ms: number | undefined): void;
}

export function createSession(
  of: Pick<Session, "key" | "id" | "partition" | "acknowledges">,
  cursor: Sequence | undefined,
): Session {
  const from = cursor ?? START;
  return {
    ...of,
    state: "REPLAYING",
    sent: from,
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
