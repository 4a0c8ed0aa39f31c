import { Failure } from "#runtime/errors.ts";

/**
 * The vocabulary of the timeline: what services report about notifications. A detail is small, and has nothing of the
 * payload. An event says what happened. A missing event says nothing: it may be in a gap, or was never recorded.
 */

/** A target that the dispatcher expands: `targetOf` of publication.ts, as `group:<name>`. */
export type TargetName = string;

/** Of a `why` that an error tells. */
export const MOST_WHY = 300;

/** The connection as presence shows it: `connectionOf` of control-messages.ts. */
export type ConnectionName = string;

export type Transport = "websocket" | "sse" | "poll";

/** Why the receiver or the dispatcher follows it. */
export type FollowReason = "all" | "sample" | "watch";

/** `unacknowledged`: no acknowledgement in time. `lost`: the connection closed or refused it. */
export type StoredReason =
  | "not connected"
  | "no answer"
  | "lost"
  | "slow"
  | "unacknowledged"
  | "share"
  | "overflow"
  | "replaying"
  | "paced"
  | "collapse"
  | "deferred"
  | "queue";

export interface Details {
  /** Receiver: Kafka has it. `due`: ms since 1970, if it waits for a time. `target`: the dispatcher expands it. */
  accepted: {
    publisher: string;
    why: FollowReason;
    event?: string;
    ttl?: number;
    due?: number;
    delay?: number;
    target?: TargetName;
  };
  /** Receiver: the same id, or the same request, came again. The first one counts. Director: dropped as a repeat. */
  repeated: { publisher?: string };
  /**
   * Receiver or distributor: a request was refused, or one of its items. The id is that of the item, or of the problem
   * (`instance`) if the item has none.
   */
  refused: {
    problem: string;
    status?: number;
    publisher?: string;
    instance?: string;
    method?: string;
    path?: string;
    why?: string;
  };

  /** Dispatcher: it waits until `due`, ms since 1970. */
  scheduled: { due: number; target?: TargetName };
  /**
   * Dispatcher: notifications for its recipients are in Kafka. Of a publication, with the numbers of recipients; of a
   * recipient's notification, with the publication's id.
   */
  "fanned-out": { target: TargetName; written: number; refused: number } | { publication: string; target: TargetName };
  /** Dispatcher: it goes to no recipient. */
  skipped: { why: string };
  /** Dispatcher: a publisher withdrew the publication. */
  cancelled: { by: string };

  /** Director: it waits in memory. */
  held: { why: "looking for connections" | "connection catches up" | "earlier ones are not acknowledged" };
  /** Director: sent to the distributor of this connection. */
  sent: { connection: ConnectionName };
  /** Director: the connection went away or refused it, so it will be sent or stored again. */
  retried: { connection: ConnectionName; why: string };
  /** Director: it waits for its client in Postgres, or in Kafka (`deferred`) until Postgres has it. */
  deferred: { why: "away" | "share" };
  stored: { why: StoredReason };
  /** Director: a later notification with its collapse key took its place, or took it back. */
  replaced: Record<string, never>;
  retracted: Record<string, never>;
  /** Director or distributor: its time to live is over. */
  expired: { where: "waiting" | "stored" | "connection" | "queue" | "dispatch"; connection?: ConnectionName };
  /** Director: Postgres refuses its data for good. */
  undeliverable: { why: string };
  /** Director or dispatcher: it waits for an operator. */
  "dead-lettered": { why: string; topic: string; partition: number; offset: number; index?: number };
  /** Director: an operator sent the dead letter again. */
  redriven: { offset: number };

  /** Distributor: the socket has it. `replayed`: it was stored before. */
  delivered: { connection: ConnectionName; transport: Transport };
  replayed: { connection: ConnectionName; transport: Transport };
  /** Distributor: the connection ended before its socket took it. It is stored, or sent again. */
  dropped: { connection: ConnectionName; transport: Transport; why: string };
  /**
   * The client has it. `connection`: this connection said so. `client`: without a connection, by a request or the cursor
   * of a later connection. `stored`: it waited in Postgres.
   */
  acknowledged: { how: "connection" | "client"; connection?: ConnectionName; stored?: true };

  /** Dispatcher: a consumer claimed or confirmed the queue's message, or it had its last attempt. */
  claimed: { attempt: number };
  confirmed: Record<string, never>;
  quarantined: { queue: string; why: string };

  /** Courier: it is in the client's inbox. `seen`, `read`, `archived`: its mark. */
  listed: Record<string, never>;
  seen: Record<string, never>;
  read: Record<string, never>;
  archived: Record<string, never>;
}

export type EventKind = keyof Details;

/**
 * In causal order: of events with equal times, the earlier kind comes first. Total, because the compiler reports a
 * missing kind.
 */
const CAUSAL: Record<EventKind, number> = {
  refused: 0,
  accepted: 1,
  repeated: 2,
  scheduled: 3,
  skipped: 4,
  cancelled: 4,
  "fanned-out": 5,
  listed: 6,
  held: 7,
  sent: 8,
  delivered: 9,
  dropped: 10,
  retried: 11,
  deferred: 12,
  stored: 13,
  replayed: 14,
  claimed: 15,
  acknowledged: 16,
  confirmed: 16,
  replaced: 17,
  retracted: 17,
  expired: 17,
  undeliverable: 18,
  quarantined: 18,
  "dead-lettered": 19,
  redriven: 20,
  seen: 21,
  read: 22,
  archived: 23,
};

export const EVENT_KINDS = Object.keys(CAUSAL) as readonly EventKind[];

export function causalRank(kind: string): number {
  return CAUSAL[kind as EventKind] ?? EVENT_KINDS.length;
}

/** These are recorded of every notification, followed or not. */
export const ALWAYS_RECORDED: ReadonlySet<EventKind> = new Set<EventKind>([
  "refused",
  "expired",
  "retracted",
  "undeliverable",
  "dead-lettered",
  "quarantined",
]);

/**
 * A record of the topic `events` has the headers `service` and `instance`. Its value is one JSON array of lines: each an
 * event `[at, kind, key, id, detail]`, or a gap `[to, "gap", "", "", {from, count}]`.
 */
export type EventLine = [at: number, kind: string, key: string, id: string, detail: object];

export function readEvents(value: Buffer): EventLine[] {
  let lines: unknown;
  try {
    lines = JSON.parse(value.toString("utf8"));
  } catch (cause) {
    throw new Failure("reject", "A record of events is not JSON.", { cause });
  }
  if (!Array.isArray(lines)) throw new Failure("reject", "A record of events is not an array.");
  return lines as EventLine[];
}
