import { clientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { Connections, ShownConnection } from "./connections.ts";
import { presentState } from "./state.ts";
import type { PresentState } from "./state-rule.ts";
import type { ClientStores } from "./support-store.ts";
import type { FactsParts } from "./notification-facts.ts";
import { inOrder, type StoredEvent } from "./told-events.ts";

const RECENT = 20;

export interface ClientParts extends FactsParts {
  connections: Pick<Connections, "of" | "end">;
}

export interface Recent {
  id: string;
  /** ms since 1970: the last that is known of it. */
  at: number;
  state: PresentState;
}

export interface ClientView extends ClientStores {
  /** Undefined: Redis is away. */
  connections: ShownConnection[] | undefined;
  lastAcknowledged: number | undefined;
  recent: Recent[];
}

export async function viewClient(parts: ClientParts, tenant: string, client: string): Promise<ClientView> {
  const { timeline, stores, connections } = parts;
  const key = clientKey(tenant, client);
  const [live, kept, lastAcknowledged, recent] = await Promise.all([
    connections.of(key),
    stores.client(tenant, key),
    timeline.lastAcknowledged(tenant, client),
    recentOf(parts, tenant, client),
  ]);
  return { ...kept, connections: live, lastAcknowledged, recent };
}

/** The newest notifications that the timeline or the stored ones name. */
async function recentOf({ timeline, stores, now }: FactsParts, tenant: string, client: string): Promise<Recent[]> {
  const [listed, rows] = await Promise.all([
    timeline.list({ tenant, client, limit: RECENT }),
    // One more shows whether these are all.
    stores.newest(clientKey(tenant, client), RECENT + 1),
  ]);
  const stored = new Map(rows.map((row) => [row.id, row]));
  const seen = new Map<string, number>(rows.map(({ id, since }) => [id, since]));
  for (const { id, at } of listed) seen.set(id, Math.max(at, seen.get(id) ?? 0));
  const newest = [...seen].toSorted(([, one], [, other]) => other - one).slice(0, RECENT);
  const ids = newest.map(([id]) => id);
  const events = await timeline.events(tenant, ids, [client]);
  const present = now();
  return newest.map(([id, at]) => {
    const row = stored.get(id);
    const ofIt: StoredEvent[] = inOrder(events.filter((event) => event.id === id));
    const state = presentState({
      now: present,
      events: ofIt,
      searched: rows.length <= RECENT,
      stored: row && { client, since: row.since, ...(row.expires !== undefined && { expires: row.expires }) },
    });
    return { id, at, state };
  });
}
