import { clientKey, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { Facts, Gap } from "./facts.ts";
import { presentState } from "./state.ts";
import type { PresentState } from "./state-rule.ts";
import type { StoredRow, SupportStore } from "./support-store.ts";
import { MOST_EVENTS, type TimelineStore } from "./timeline-store.ts";
import { unknownOf } from "./unknown.ts";

export interface FactsParts {
  timeline: TimelineStore;
  stores: SupportStore;
  /** ms since 1970. */
  now: () => number;
}

export interface Found {
  id: string;
  /** A client's id, a queue's name in braces, or undefined if it is unknown or there are many. */
  client: string | undefined;
  key: ClientKey | undefined;
  facts: Facts;
  state: PresentState;
  gaps: readonly Gap[];
  unknown: string[];
  /** Its row in Postgres. */
  row: StoredRow | undefined;
}

/** A service reports its events a moment later than their time. */
const SLACK_MS = 1_000;
/** After these, nothing else happens. */
const ENDED: ReadonlySet<string> = new Set(["acknowledged", "read", "expired", "replaced", "retracted", "refused"]);

/** Everything that the timeline and the stores know of a notification. `hint`: its client or queue. */
export async function findNotification(
  { timeline, stores, now }: FactsParts,
  { tenant, id, hint }: { tenant: string; id: string; hint?: string | undefined },
): Promise<Found> {
  const [events, publication, quarantined, days] = await Promise.all([
    timeline.events(tenant, [id], hint === undefined ? undefined : [hint]),
    stores.publication(tenant, id),
    stores.quarantined(tenant, id),
    timeline.days(),
  ]);
  const client = hint ?? events.findLast((event) => event.client !== "")?.client;
  const key = client === undefined ? undefined : clientKey(tenant, client);
  const [search, inbox] =
    key === undefined ? [undefined, undefined] : await Promise.all([stores.search(key, id), stores.inbox(key, id)]);
  const row = search?.found;
  const facts: Facts = {
    now: now(),
    events,
    searched: search?.complete ?? false,
    publication,
    quarantined,
    stored: row && { client: client!, since: row.since, ...(row.expires !== undefined && { expires: row.expires }) },
    inbox: inbox && { client: client!, ...inbox },
  };
  const state = presentState(facts);
  const gaps = await timeline.gaps(...timeOf(facts, state));
  const unknown = unknownOf({ facts, gaps, days, clientKnown: key !== undefined || publication !== undefined });
  if (events.length >= MOST_EVENTS) unknown.push(`It has more than ${MOST_EVENTS} events. Only the newest are shown.`);
  return { id, client, key, facts, state, gaps, unknown, row };
}

/** The time in which it may have events. */
function timeOf({ events, stored, inbox, now }: Facts, { name }: PresentState): [from: number, to: number] {
  const from = Math.min(...[events[0]?.at, stored?.since, inbox?.since].filter((at) => at !== undefined));
  const last = events.at(-1)?.at;
  const to = ENDED.has(name) && last !== undefined ? last : now;
  return [Number.isFinite(from) ? from - SLACK_MS : 0, to + SLACK_MS];
}
