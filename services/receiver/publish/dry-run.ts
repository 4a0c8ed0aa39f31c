import { problemOf } from "@saasaparilla/shared/http/problem.ts";
import { json, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import type { Target } from "@saasaparilla/shared/protocol/publication.ts";
import type { DocumentCache, Known } from "@saasaparilla/shared/dispatch/document-cache.ts";
import type { BindingMatch, Exchange } from "@saasaparilla/shared/dispatch/exchange.ts";
import { unknownTarget } from "#api/item-problems.ts";
import { Refusal } from "#api/refusal.ts";
import { MOST_MEMBERS, type GroupAudience, type GroupMembers } from "./group-audience.ts";
import type { Published } from "./notification-schema.ts";
import type { Item } from "./item.ts";
import { count, publishResponse } from "./publish-response.ts";

/** Whether the request asks only who would receive it. */
export function isDryRun(query: URLSearchParams): boolean {
  if (query.size === 0 || !query.has("dryRun")) return false;
  const value = query.get("dryRun")!;
  if (value === "true" || value === "false") return value === "true";
  throw new Refusal(
    problemOf("invalid-value", "dryRun must be true or false. Send ?dryRun=true, or omit it.", {
      status: 400,
    }),
  );
}

/** Who would receive an item, and why. */
interface Audience {
  recipients?: number;
  /** There are more than `recipients`. */
  more?: true;
  clients?: readonly string[];
  bindings?: readonly BindingMatch[];
  why: string;
}

interface Asking {
  tenant: string;
  /** Whether the caller may read the names of members. */
  mayRead: boolean;
}

export interface DryRunParts {
  groups: Pick<GroupAudience, "of">;
  documents: Pick<DocumentCache, "exchange" | "loaded">;
}

/** Answers for the items that would be accepted. If none would be, the answer is that of a publish. */
export async function dryRunResponse(
  items: readonly Item[],
  { tenant, mayRead }: Asking,
  { groups, documents }: DryRunParts,
): Promise<HttpResponse> {
  for (const item of items) refuseUnknown(item, tenant, documents);
  const good = items.filter(({ outcome }) => outcome === "open");
  if (good.length === 0) return publishResponse(items, count(items));
  const named = good.flatMap(({ published }) => ("group" in published!.to ? [published!.to.group] : []));
  const members = await groups.of(tenant, named, mayRead);
  const audienceOf = (published: Published): Audience => {
    const { to } = published;
    if ("group" in to) return membersOf(members.get(to.group));
    return "exchange" in to ? boundTo(documents.exchange(tenant, to.exchange), published, mayRead) : namedBy(to);
  };
  return json(200, {
    dryRun: true,
    accepted: good.length,
    rejected: items.length - good.length,
    items: items.map(({ index, outcome, published }) =>
      outcome === "open" ? { index, ...explain(published!, audienceOf) } : { index, problem: outcome },
    ),
  });
}

/** A publish does not refuse it: this receiver may read a new document some seconds late. */
function refuseUnknown(item: Item, tenant: string, documents: DryRunParts["documents"]): void {
  const to = item.outcome === "open" ? item.published!.to : undefined;
  if (to && "exchange" in to && documents.loaded && documents.exchange(tenant, to.exchange) === undefined)
    item.outcome = unknownTarget(item, "/to/exchange");
}

function explain(published: Published, audienceOf: (published: Published) => Audience) {
  const { to, at, delay, outcomes } = published;
  return {
    // The clients follow.
    ...(!("clients" in to) && { to }),
    ...audienceOf(published),
    ...(at !== undefined && { at }),
    ...(delay !== undefined && { delay }),
    ...(outcomes !== undefined && { outcomes }),
  };
}

function namedBy(to: Target): Audience {
  if ("client" in to)
    return { recipients: 1, clients: [to.client], why: "You name this client, and may publish to it." };
  if ("clients" in to) {
    const why = "You name these clients, and may publish to each of them.";
    return { recipients: to.clients.length, clients: to.clients, why };
  }
  return { recipients: 1, why: "You may publish to this queue. One of its consumers gets it." };
}

function membersOf(known: GroupMembers | undefined): Audience {
  if (!known) return { why: "You may publish to this group. Its members cannot be counted now." };
  return {
    recipients: Math.min(known.count, MOST_MEMBERS),
    ...(known.count > MOST_MEMBERS && { more: true }),
    ...(known.clients && { clients: known.clients }),
    why: "These are the members now. The members at the time of the expansion get it.",
  };
}

/** The bindings name recipients, so only readers see them. */
function boundTo(exchange: Known<Exchange>, { to, headers }: Published, mayRead: boolean): Audience {
  if (typeof exchange !== "object")
    return { why: "You may publish to this exchange. Its bindings cannot be read now." };
  const routed = { key: "key" in to ? to.key : undefined, headers };
  const bindings = exchange.explain(routed);
  const matching = bindings.filter(({ matches }) => matches).length;
  const fallback = matching === 0 && exchange.route(routed).length > 0 ? " So its fallback gets it." : "";
  const why = `${matching} of the exchange's ${bindings.length} bindings match now.${fallback}`;
  return mayRead ? { bindings, why } : { why };
}
