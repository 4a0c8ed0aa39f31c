/** Each is a promise of PROTOCOL.md that was broken. */
export type Breach =
  | "lost"
  | "reordered"
  | "new before stored"
  | "repeated on a connection"
  | "too many duplicates"
  | "under two cursors"
  | "refused, but received"
  | "of another client"
  | "never sent"
  | "cursor not taken"
  | "expired early"
  /** Its time is over, and nobody said so: each expiry is to be counted. */
  | "expired unseen"
  /** The load repeats it until it is accepted. */
  | "never accepted"
  | "dead letter"
  | "no dead letter"
  | "dead letter again"
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
  /** Of what can never be processed; each is one, and nothing else. */
  "dead letters": number;
  /** ms: the longest that a client which wants to be connected heard nothing, though something was accepted for it. */
  silence: number;
  /** ms from the healing until nothing came late any more and no publish was refused. */
  recovery: number;
}

export interface Verdict {
  violations: Violation[];
  figures: Figures;
}
