import type { Details, FollowReason, StoredReason, Transport } from "@saasaparilla/shared/timeline/events.ts";

/** Reasons in events, as parts of sentences. */

export const STORED: Record<StoredReason, string> = {
  "not connected": "it was not connected",
  "no answer": "no connection of it answered in time",
  lost: "its connection closed or did not take it",
  slow: "its connection reads too slowly",
  unacknowledged: "it did not acknowledge it in time",
  share: "the clients of its tenant have too much waiting",
  overflow: "too much waits for it",
  replaying: "its connection still reads earlier notifications",
  paced: "its notifications come faster than it takes them",
  collapse: "its collapse key lets only the newest one wait",
  deferred: "Postgres was away when it came",
  queue: "messages of a queue wait until a consumer confirms them",
};

export const HELD: Record<Details["held"]["why"], string> = {
  "looking for connections": "the platform looks for connections of the client",
  "connection catches up": "a connection of the client still reads earlier notifications",
  "earlier ones are not acknowledged": "earlier notifications are not acknowledged yet",
};

export const FOLLOWED: Record<FollowReason, string> = {
  all: "its tenant follows all",
  sample: "it is in its tenant's sample",
  watch: "an operator watches its client or publisher",
};

export const TRANSPORTS: Record<Transport, string> = {
  websocket: "WebSocket",
  sse: "server-sent events",
  poll: "long poll",
};

export const EXPIRED: Record<Details["expired"]["where"], string> = {
  waiting: "while it waited in memory",
  stored: "while it was stored",
  connection: "before its connection took it",
  queue: "while it waited in its queue",
  dispatch: "before it was written for its recipients",
};

/** A newer service may report further reasons. */
export function reasonIn(reasons: Readonly<Record<string, string>>, reason: string): string {
  return reasons[reason] ?? reason;
}
