import { causalRank, EVENT_KINDS, type Details, type EventKind } from "@saasaparilla/shared/timeline/events.ts";

/** The place and time of an event. */
export interface Told {
  /** The clock of its service, ms since 1970: for display. */
  at: number;
  service: string;
  instance: string;
  /** A client's id, a queue's name in braces, or empty for a publication to many. */
  client: string;
}

/** An event of a kind that this version knows. */
export type KnownEvent = { [K in EventKind]: Told & { kind: K; detail: Details[K] } }[EventKind];

/** As the timeline has it: a newer service may know further kinds. */
export interface StoredEvent extends Told {
  kind: string;
  detail: object;
}

const KINDS: ReadonlySet<string> = new Set(EVENT_KINDS);

export function isKnown(event: StoredEvent | KnownEvent): event is KnownEvent {
  return KINDS.has(event.kind);
}

/** By time. Events of one time are in the order of their causes: the clocks of services have milliseconds only. */
export function inOrder<E extends Pick<StoredEvent, "at" | "kind">>(events: readonly E[]): E[] {
  return events.toSorted((one, other) => one.at - other.at || causalRank(one.kind) - causalRank(other.kind));
}

/** For people, in UTC: 2026-11-27 16:40:12 UTC. */
export function timeOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** The recipient in a sentence. */
export function nameOf(client: string): string {
  if (client === "") return "its recipients";
  return client.startsWith("{") ? `the queue ${client.slice(1, -1)}` : client;
}
