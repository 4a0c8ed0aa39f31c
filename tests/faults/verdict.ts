/** Each is a broken promise of PROTOCOL.md. */
export type Breach =
  | "lost"
  | "reordered"
  | "new before stored"
  | "repeated on a connection"
  | "too many duplicates"
  | "under two cursors"
  /** Repeats of a notification share an id. */
  | "under two ids"
  /** A confirmed message of a queue never comes again. */
  | "read after its confirmation"
  | "refused, but received"
  | "of another client"
  | "never sent"
  | "cursor not taken"
  | "expired early"
  /** It expired without a report, but each expiry must be counted. */
  | "expired unseen"
  /** The load repeats it until it is accepted. */
  | "never accepted"
  | "dead letter"
  | "no dead letter"
  | "dead letter again"
  /** It asked for an outcome. */
  | "no outcome"
  /** Repeats of an outcome share an id. */
  | "outcome under two ids"
  /** An outcome that does not match the events. */
  | "wrong outcome"
  /** The console says of a notification what did not happen. */
  | "told wrong"
  | "listed twice"
  | "list out of order"
  | "missing from the list"
  /** It was replaced, retracted or archived, or its time is over. */
  | "still listed"
  | "wrong counts"
  /** Its request was answered. */
  | "mark lost"
  /** No device asked for it. */
  | "mark invented"
  | "protocol";

export interface Violation {
  breach: Breach;
  key: string;
  detail: string;
}

export interface Figures {
  /** Notifications that were answered with 202. */
  sent: number;
  /** Accepted notifications that were received. */
  received: number;
  expired: number;
  failed: number;
  unknown: number;
  lost: number;
  reordered: number;
  duplicates: number;
  /** Notifications that have an outcome. */
  outcomes: number;
  /** Items of the last lists of inboxes. */
  listed: number;
  /** Messages that were read in a queue. */
  read: number;
  /** Unprocessable records that are dead letters. */
  "dead letters": number;
  /** The longest silence in ms of a client that wants to be connected, while an accepted notification waited for it. */
  silence: number;
  /** ms from the healing until the last late notification or refused publish. */
  recovery: number;
}

export interface Verdict {
  violations: Violation[];
  figures: Figures;
}
