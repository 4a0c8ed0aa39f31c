import { z } from "zod";
import { partitionHash } from "#protocol/notification.ts";
import type { FollowReason } from "#timeline/events.ts";
import type { Policies } from "./policies.ts";
import type { RowOf } from "./schema.ts";
import { follow, type Follow } from "./timeline-setting.ts";

/** The timeline of every tenant whose row in Postgres has none. */
export const tenantTimelineSettings = z.object({
  TIMELINE_FOLLOW: z
    .string()
    .default("exceptions")
    .transform((text) => (/^\d+$/.test(text) ? Number(text) : text))
    .pipe(follow)
    .meta({
      description:
        "The notifications whose whole way is recorded in the timeline: `all`, a number N for one of N, or `exceptions` for only those that expired, were refused, retracted or dead-lettered. A tenant's row can say otherwise.",
    }),
});

/** Why this notification of the tenant is followed, or undefined. `id`: a UUID in lower case. */
export type Follower = (client: string, id: string) => FollowReason | undefined;

/** Undefined: none of this publisher's notifications is followed. */
export type FollowerOf = (tenant: string, publisher: string) => Follower | undefined;

interface Rules {
  follow: Follow;
  clients: ReadonlyMap<string, number>;
  publishers: ReadonlyMap<string, number>;
}

const ALL: Follower = () => "all";
const WATCHED: Follower = () => "watch";

/**
 * Decides by the tenant's current row, or else by the settings. Ask once for each request: most tenants follow none, and
 * then a notification costs nothing. `seconds`: since 1970, for the end of watches only.
 */
export function tenantTimelines(
  policies: Pick<Policies, "tenant">,
  { TIMELINE_FOLLOW }: z.output<typeof tenantTimelineSettings>,
  seconds: () => number,
): FollowerOf {
  const usual: Rules = { follow: TIMELINE_FOLLOW, clients: new Map(), publishers: new Map() };
  // A changed row is a new object.
  const known = new WeakMap<RowOf<"tenant">, Rules>();
  const rulesOf = (row: RowOf<"tenant">): Rules => {
    if (row.timeline === undefined && row.watches === undefined) return usual;
    let rules = known.get(row);
    if (!rules) known.set(row, (rules = rulesIn(row, TIMELINE_FOLLOW)));
    return rules;
  };
  return (tenant, publisher) => {
    const row = policies.tenant(tenant)?.row;
    const rules = row === undefined ? usual : rulesOf(row);
    if (rules.follow === "all") return ALL;
    const { clients, publishers } = rules;
    const now = clients.size + publishers.size > 0 ? seconds() : 0;
    if ((publishers.get(publisher) ?? 0) > now) return WATCHED;
    const every = rules.follow === "exceptions" ? 0 : rules.follow;
    if (every === 0 && clients.size === 0) return undefined;
    return (client, id) => {
      if (clients.size > 0 && (clients.get(client) ?? 0) > now) return "watch";
      return every > 0 && sampled(id, every) ? "sample" : undefined;
    };
  };
}

/**
 * A hash of the whole id, so that all services agree, and no part of it has to be random: the first bytes of version 7
 * are a time, and the last ones of version 1 name a machine.
 */
function sampled(id: string, every: number): boolean {
  return partitionHash(id) % every === 0;
}

function rulesIn({ timeline, watches = [] }: RowOf<"tenant">, usual: Follow): Rules {
  const clients = new Map<string, number>();
  const publishers = new Map<string, number>();
  for (const watch of watches) {
    if ("client" in watch) clients.set(watch.client, watch.until);
    else publishers.set(watch.publisher, watch.until);
  }
  return { follow: timeline?.follow ?? usual, clients, publishers };
}
