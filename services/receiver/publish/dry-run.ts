import { problemOf } from "@saasaparilla/shared/http/problem.ts";
import { json, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import type { Target } from "@saasaparilla/shared/protocol/publication.ts";
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
    problemOf("invalid-value", "The query's dryRun is neither true nor false. Send ?dryRun=true, or leave it out.", {
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
  why: string;
}

interface Asking {
  tenant: string;
  /** Whether the caller may read the names of members. */
  mayRead: boolean;
}

/** Answers for the items that would be accepted. If none would be, the answer is that of a publish. */
export async function dryRunResponse(
  items: readonly Item[],
  { tenant, mayRead }: Asking,
  groups: Pick<GroupAudience, "of">,
): Promise<HttpResponse> {
  const good = items.filter(({ outcome }) => outcome === "open");
  if (good.length === 0) return publishResponse(items, count(items));
  const named = good.flatMap(({ published }) => ("group" in published!.to ? [published!.to.group] : []));
  const members = await groups.of(tenant, named, mayRead);
  return json(200, {
    dryRun: true,
    accepted: good.length,
    rejected: items.length - good.length,
    items: items.map(({ index, outcome, published }) =>
      outcome === "open" ? { index, ...explain(published!, members) } : { index, problem: outcome },
    ),
  });
}

function explain(published: Published, members: ReadonlyMap<string, GroupMembers>) {
  const { to, at, delay, outcomes } = published;
  return {
    // The clients follow.
    ...(!("clients" in to) && { to }),
    ...audienceOf(to, members),
    ...(at !== undefined && { at }),
    ...(delay !== undefined && { delay }),
    ...(outcomes !== undefined && { outcomes }),
  };
}

function audienceOf(to: Target, members: ReadonlyMap<string, GroupMembers>): Audience {
  if ("client" in to)
    return { recipients: 1, clients: [to.client], why: "You name this client, and may publish to it." };
  if ("clients" in to)
    return {
      recipients: to.clients.length,
      clients: to.clients,
      why: "You name these clients, and may publish to each of them.",
    };
  if ("queue" in to) return { recipients: 1, why: "You may publish to this queue. One of its consumers gets it." };
  if ("exchange" in to)
    return { why: "You may publish to this exchange. Its bindings decide when the dispatcher reads the publication." };
  const known = members.get(to.group);
  if (!known) return { why: "You may publish to this group. Its members cannot be counted now." };
  return {
    recipients: Math.min(known.count, MOST_MEMBERS),
    ...(known.count > MOST_MEMBERS && { more: true }),
    ...(known.clients && { clients: known.clients }),
    why: "They are members of this group now. Those who are members when it is expanded get it.",
  };
}
