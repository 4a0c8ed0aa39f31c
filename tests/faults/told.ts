import type { HistoryEvent } from "./history.ts";
import type { Violation } from "./verdict.ts";

/** What the console says of one notification. */
export interface Told {
  state: string;
  sentence: string;
  /** What it says that it does not know. */
  unknown: readonly string[];
}

/** What the history knows of an accepted notification. */
export interface Known {
  key: string;
  notification: string;
  received: boolean;
  ttl: boolean;
  collapse: boolean;
}

/** These came to an end, or to a client. */
const ENDS: Readonly<Record<string, (known: Known) => boolean>> = {
  acknowledged: ({ received }) => received,
  // The marks of inboxes have checks of their own.
  read: () => true,
  expired: ({ ttl }) => ttl,
  replaced: ({ collapse }) => collapse,
  retracted: ({ collapse }) => collapse,
};
/** Each of these sentences must say that later steps may not be recorded: a killed process loses its last events. */
const UNDER_WAY: ReadonlySet<string> = new Set(["accepted", "held", "sent"]);
/** The console has just looked at Postgres, or says that it knows nothing. Recipients of a publication have own ids. */
const SEEN: ReadonlySet<string> = new Set(["stored", "unknown", "fanned-out"]);

/** Undefined: what is told agrees with the history. */
export function wrongIn(known: Known, told: Told): string | undefined {
  const { state, sentence, unknown } = told;
  if (SEEN.has(state)) return undefined;
  if (UNDER_WAY.has(state))
    return unknown.length > 0 || sentence.includes("recorded") ? undefined : `it is ${state}: ${sentence}`;
  const holds = ENDS[state];
  if (!holds) return `it is ${state}, which cannot be: ${sentence}`;
  return holds(known) ? undefined : `it is ${state}, which did not happen: ${sentence}`;
}

/** Accepted notifications with an id of the platform, in the order of their answers. Messages of queues are left out. */
export function knownOf(events: readonly HistoryEvent[]): Known[] {
  const sent = new Map<string, { key: string; ttl: boolean; collapse: boolean }>();
  const received = new Set<string>();
  const accepted = new Map<string, string>();
  for (const event of events) {
    if (event.kind === "send" && !event.key.includes("{"))
      sent.set(event.id, {
        key: event.key,
        ttl: event.ttl !== undefined,
        collapse: event.collapse !== undefined || event.retract === true,
      });
    else if (event.kind === "receive") received.add(event.id);
    else if (event.kind === "answer" && event.outcome === "ok" && event.notification !== undefined)
      accepted.set(event.id, event.notification);
  }
  return [...accepted].flatMap(([id, notification]) => {
    const found = sent.get(id);
    return found ? [{ ...found, notification, received: received.has(id) }] : [];
  });
}

export const toldWrong = ({ key, notification }: Known, why: string): Violation => ({
  breach: "told wrong",
  key,
  detail: `The console says of ${notification}: ${why}`,
});
