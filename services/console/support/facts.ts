import type { StoredEvent } from "./told-events.ts";

/** What the stores and the timeline know of one notification at a time. All times are ms since 1970. */
export interface Facts {
  now: number;
  /** In order (`inOrder`). */
  events: readonly StoredEvent[];
  /** It waits in Postgres for this client or queue now. */
  stored?: { client: string; since: number; expires?: number } | undefined;
  /** Whether the rows of its client were searched to the end. If so, and without `stored`, it is not stored. */
  searched: boolean;
  publication?: PublicationFacts | undefined;
  quarantined?: { queue: string; reason: string; at: number } | undefined;
  inbox?: { client: string; since: number; mark: InboxMark } | undefined;
}

export type InboxMark = "none" | "seen" | "read" | "archived";

export interface PublicationFacts {
  state: "waiting" | "running" | "cancelling" | "done" | "cancelled" | "skipped";
  target: string;
  due: number;
  ended?: number;
  written: number;
  refused: number;
  reason?: string;
}

/** Events that a process could not record. */
export interface Gap {
  service: string;
  instance: string;
  from: number;
  to: number;
  count: number;
}
