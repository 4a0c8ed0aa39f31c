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
  /** Its time is over without a report: each expiry must be counted. */
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
  /** It says what did not happen. */
  | "wrong outcome"
  | "protocol";

export interface Violation {
  breach: Breach;
  key: string;
  detail: string;
}

export interface Figures {
  /** Answered 202. */
  sent: number;
  /** Of those. */
  received: number;
  expired: number;
  failed: number;
  unknown: number;
  lost: number;
  reordered: number;
  duplicates: number;
  /** Notifications that have an outcome. */
  outcomes: number;
  /** Messages that were read in a queue. */
  read: number;
  /** Of unprocessable records; each is one dead letter, and nothing else. */
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
