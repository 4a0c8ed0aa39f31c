import type { HistoryEvent, Outcome } from "./history.ts";

/** The checker's knowledge of a notification, a connection and a client while it reads a history. */
export interface Sent {
  id: string;
  key: string;
  stream: string;
  at: number;
  ttl: number | undefined;
  outcome: Outcome;
  answered: number;
  cursor: string | undefined;
  /** The platform's id, as it was received. */
  notification: string | undefined;
  repeats: boolean;
  received: boolean;
  expired: boolean;
  dead: boolean;
  collapse: string | undefined;
  retract: boolean;
  asks: boolean;
  replaced: boolean;
  /** The first outcome counts. */
  ended: { message: string; outcome: string } | undefined;
}

export interface Connection {
  id: number;
  key: string;
  /** The requested resume point; everything on the connection is after `position`. */
  asked: string | undefined;
  position: string;
  live: boolean;
  /** Rows seen in Postgres before it connected. */
  storedBefore: string;
}

export interface Client {
  steady: boolean;
  /** The cursor of the last first receipt. */
  last: string;
  stored: string;
  connects: number;
  duplicates: number;
  pending: number;
  waitingSince: number | undefined;
}

export function newSent({
  id,
  key,
  stream,
  at,
  ttl,
  repeats,
  collapse,
  retract,
  asks,
}: Extract<HistoryEvent, { kind: "send" }>): Sent {
  return {
    id,
    key,
    stream,
    at,
    ttl,
    outcome: repeats ? "failed" : "unknown",
    answered: Number.POSITIVE_INFINITY,
    cursor: undefined,
    notification: undefined,
    repeats: repeats ?? false,
    received: false,
    expired: false,
    dead: false,
    collapse,
    retract: retract ?? false,
    asks: asks ?? false,
    replaced: false,
    ended: undefined,
  };
}

export function newClient(): Client {
  return {
    steady: false,
    last: "",
    stored: "",
    connects: 0,
    duplicates: 0,
    pending: 0,
    waitingSince: undefined,
  };
}
