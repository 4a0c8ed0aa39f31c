import { PLATFORM_TENANT } from "@saasaparilla/shared/auth/policies/schema.ts";
import { json } from "@saasaparilla/shared/http/response.ts";
import { numberIn } from "@saasaparilla/shared/http/query-number.ts";
import { z } from "zod";
import { mustExist } from "#api/resource.ts";
import { notFound } from "#api/responses.ts";
import { route, type Route } from "#api/routes.ts";
import { cursorOf, LIST_LIMITS, placeIn } from "./list-query.ts";
import { isNotificationId, type SupportParts } from "./support-parts.ts";
import type { ListedEvent } from "./timeline-store.ts";

const PATH = "/v1/tenants/:tenant/refusals";
const URN = /^urn:uuid:/i;

const refusal = z.strictObject({
  instance: z.string().meta({ description: "`instance` of the answer, without urn:uuid:." }),
  at: z.iso.datetime(),
  service: z.string(),
  problem: z.string().meta({ description: "The kind of the problem: the name of its page in /problems/." }),
  status: z.int(),
  method: z.string(),
  path: z.string(),
  why: z.string().meta({ description: "The reason, without any part of the body." }),
});

const listed = z.strictObject({ items: z.array(refusal), next: z.string().optional() });

const OF_STRANGERS = "Refusals of callers whose token was not accepted are those of the tenant `platform`.";

/** Why requests were refused. */
export function refusalRoutes({ timeline, policyStore }: Pick<SupportParts, "timeline" | "policyStore">): Route[] {
  const exists = async (tenant: string): Promise<void> => {
    if (tenant !== PLATFORM_TENANT) await mustExist(policyStore, tenant);
  };
  return [
    route({
      method: "GET",
      path: PATH,
      needs: "read",
      of: "tenant",
      summary: `List refused requests of a tenant, the newest first. ${OF_STRANGERS}`,
      query: {
        before: "`next` of the previous page.",
        limit: `The largest number of entries to return, 1 to ${LIST_LIMITS.most}. The default is ${LIST_LIMITS.otherwise}.`,
      },
      status: 200,
      answer: listed,
      async handle({ tenant, query }) {
        const [before, limit] = [placeIn(query), numberIn(query, "limit", LIST_LIMITS)];
        await exists(tenant);
        const events = await timeline.list({ tenant, kind: "refused", requests: true, before, limit: limit + 1 });
        const items = events.slice(0, limit);
        const next = events.length > items.length ? { next: cursorOf(items.at(-1)!.place) } : {};
        return json(200, { items: items.map(shown), ...next });
      },
    }),
    route({
      method: "GET",
      path: `${PATH}/:id`,
      operation: "getRefusal",
      isId: (id) => isNotificationId(id.replace(URN, "")),
      needs: "read",
      of: "tenant",
      summary: `Get why a request was refused, by \`instance\` of its answer. ${OF_STRANGERS}`,
      status: 200,
      answer: refusal,
      async handle({ tenant, id }) {
        await exists(tenant);
        const events = await timeline.events(tenant, [id.replace(URN, "").toLowerCase()]);
        const found = events.find(isRequest);
        return found ? json(200, shown(found)) : notFound(`such refusal. ${UNKNOWN}`);
      },
    }),
  ];
}

const UNKNOWN =
  "It may be of another tenant, or older than the timeline. In a flood of refusals, most are only counted";

interface RefusedRequest {
  instance: string;
}

/** Other refusals are those of single items. */
const isRequest = ({ kind, detail }: ListedEvent): boolean =>
  kind === "refused" && (detail as Partial<RefusedRequest>).instance !== undefined;

function shown({ at, service, detail }: ListedEvent): object {
  const { instance, problem, status, method, path, why } = detail as Record<string, unknown>;
  return { instance, at: new Date(at).toISOString(), service, problem, status, method, path, why };
}
