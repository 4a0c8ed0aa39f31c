import { endingOf } from "@saasaparilla/shared/auth/audit-ending.ts";
import type { Guard } from "@saasaparilla/shared/auth/guard.ts";
import type { TenantInbox } from "@saasaparilla/shared/auth/policies/tenant-inbox.ts";
import { listResponse } from "@saasaparilla/shared/http/list-response.ts";
import { problemOf } from "@saasaparilla/shared/http/problem.ts";
import { Refusal } from "@saasaparilla/shared/http/refusal.ts";
import { json, problemResponse, tooMany, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { route, type Call, type Needs, type Route } from "@saasaparilla/shared/http/routes.ts";
import { marksBody } from "@saasaparilla/shared/protocol/inbox.ts";
import { ACCEPTED_DAYS } from "@saasaparilla/shared/kafka/topic-retention.ts";
import { cursorTag, toCursor, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { KeyedLimiter } from "@saasaparilla/shared/rate-limits/keyed-limiter.ts";
import type { CourierMetrics } from "#metrics.ts";
import type { Inboxes } from "./inboxes.ts";
import { askedTenant, beforeIn, futureCursor, limitIn, namedKey, ownKey, upToIn } from "./list-requests.ts";
import type { ListBounds, ListedItem } from "./list-store.ts";

export interface ListRoutesParts {
  inboxes: Inboxes;
  guard: Pick<Guard, "ended">;
  clients: Pick<KeyedLimiter, "late">;
  metrics: Pick<CourierMetrics, "limited">;
}

const subscribe = (): Needs => ({ scope: "subscribe" });

export function listRoutes(parts: ListRoutesParts): Route[] {
  const { inboxes, guard } = parts;
  return [
    route({
      method: "get",
      path: "/v1/inbox",
      needs: subscribe,
      handle(call) {
        limit(call, parts);
        return list(ownKey(call), call, parts);
      },
    }),
    route({
      method: "post",
      path: "/v1/inbox/marks",
      needs: subscribe,
      body: marksBody,
      async handle(call, { mark, ...which }) {
        limit(call, parts);
        const key = ownKey(call);
        const marked =
          "ids" in which
            ? { ids: which.ids.map((id) => id.toLowerCase()) }
            : { upTo: upToIn(which.upTo, key, foreign(call, parts)) };
        const inbox = inboxOf(key, inboxes);
        if ("upTo" in marked && !(await inboxes.exists(key, marked.upTo))) throw futureCursor();
        return json(200, await inboxes.mark(boundsOf(key, inbox), mark, marked));
      },
    }),
    route({
      method: "get",
      path: "/v1/inbox/:client",
      needs: (_, request) => ({ scope: "read", tenant: askedTenant(request) }),
      handle: (call) => list(namedKey(call), call, parts),
    }),
    route({
      method: "delete",
      path: "/v1/inbox/:client",
      needs: (_, request) => ({ scope: "operate", tenant: askedTenant(request) }),
      // Also for a tenant that has turned its inbox off: rows of before are still there.
      handle: async (call) =>
        json(200, { deleted: await inboxes.forget(namedKey(call)), kafkaKeepsDays: ACCEPTED_DAYS }),
      ended: ({ caller, request }, response) => guard.ended(caller, "operate", request, endingOf(response)),
    }),
  ];
}

async function list(key: ClientKey, call: Call, parts: ListRoutesParts): Promise<HttpResponse> {
  const { inboxes } = parts;
  const before = beforeIn(call.request, key, foreign(call, parts));
  const most = limitIn(call.request);
  const inbox = inboxOf(key, inboxes);
  const { items, unread, unseen, more } = await inboxes.page(boundsOf(key, inbox), before, most);
  const tag = cursorTag(key);
  const rest = JSON.stringify({ unread, unseen, more, events: inbox.events });
  return listResponse(
    "items",
    items.map((item) => itemJson(item, tag)),
    `,${rest.slice(1, -1)}`,
  );
}

/** `data` is last: byte for byte what the publisher wrote. */
function itemJson(item: ListedItem, tag: string): Buffer[] {
  const { id, sequence, event, collapse, headers, traceparent, appended, mark, data } = item;
  const members =
    `{"id":"${id}","cursor":"${toCursor(sequence, tag)}","publishedAt":"${appended.toISOString()}",` +
    (event === null ? "" : `"event":"${event}",`) +
    (traceparent === null ? "" : `"traceparent":"${traceparent}",`) +
    (collapse === null ? "" : `"collapse":${JSON.stringify(collapse)},`) +
    (headers === null ? "" : `"headers":${headers},`) +
    `"mark":${MARK_TEXT[mark]!},"data":`;
  return [Buffer.from(members), data, CLOSE];
}

const MARK_TEXT = ["null", '"seen"', '"read"'] as const;
const CLOSE = Buffer.from("}");

function inboxOf(key: ClientKey, inboxes: Inboxes): TenantInbox {
  const inbox = inboxes.of(key);
  if (!inbox) throw new Refusal(problemResponse(problemOf("no-inbox")));
  return inbox;
}

function boundsOf(client: ClientKey, { items, days }: TenantInbox): ListBounds {
  return { client, items, days };
}

function foreign({ caller, request }: Call, { guard }: ListRoutesParts): () => void {
  return () =>
    guard.ended(caller, "subscribe", request, { outcome: "refused", why: "its cursor is of another client" });
}

function limit(call: Call, { clients, metrics }: ListRoutesParts): void {
  const seconds = clients.late(ownKey(call), performance.now());
  if (seconds === undefined) return;
  metrics.limited();
  throw new Refusal(tooMany("This client asks more often than it may.", seconds));
}
