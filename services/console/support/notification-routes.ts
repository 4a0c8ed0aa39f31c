import { json } from "@saasaparilla/shared/http/response.ts";
import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import { z } from "zod";
import { mustExist } from "#api/resource.ts";
import { Refusal, wrongQuery } from "#api/responses.ts";
import { route, type Call, type Route } from "#api/routes.ts";
import { cursorOf, LIST_QUERY, listQueryOf } from "./list-query.ts";
import { findNotification, type Found } from "./notification-facts.ts";
import {
  eventJson,
  eventSchema,
  gapJson,
  gapSchema,
  stateJson,
  stateSchema,
  storesJson,
  storesSchema,
} from "./notification-json.ts";
import { isNotificationId, recipientIn, type SupportParts } from "./support-parts.ts";

const PATH = "/v1/tenants/:tenant/notifications";

const payload = z
  .strictObject({
    store: z.enum(["stored", "quarantine", "publication", "inbox"]),
    text: z.string().meta({ description: "The JSON text of `data`, as it was published." }),
  })
  .optional()
  .meta({ description: "Only with `payload=1`, and only if a store still has it." });

const shown = z.strictObject({
  id: z.string(),
  client: z.string().optional(),
  state: stateSchema,
  events: z.array(eventSchema).meta({ description: "In the order of their times, then of their causes." }),
  gaps: z.array(gapSchema).meta({ description: "Times in which events are missing." }),
  unknown: z.array(z.string()).meta({ description: "What this answer cannot tell, in sentences." }),
  ...storesSchema,
  payload,
});

const listed = z.strictObject({
  items: z.array(z.strictObject({ id: z.string(), ...eventSchema.shape })),
  next: z.string().optional(),
});

/** What became of notifications. */
export function notificationRoutes(parts: SupportParts): Route[] {
  return [
    route({
      method: "GET",
      path: PATH,
      needs: "read",
      of: "tenant",
      summary: "List notifications from the timeline, the newest first",
      query: LIST_QUERY,
      status: 200,
      answer: listed,
      async handle({ tenant, query }) {
        const asked = listQueryOf(tenant, query);
        await mustExist(parts.policyStore, tenant);
        const events = await parts.timeline.list({ ...asked, limit: asked.limit + 1 });
        const items = events.slice(0, asked.limit);
        const next = events.length > items.length ? { next: cursorOf(items.at(-1)!.place) } : {};
        return json(200, { items: items.map((event) => ({ id: event.id, ...eventJson(event) })), ...next });
      },
    }),
    route({
      method: "GET",
      path: `${PATH}/:id`,
      isId: isNotificationId,
      needs: "read",
      operateQuery: "payload",
      of: "tenant",
      summary: "Get what became of one notification or publication: its events, its present state, and what is unknown",
      query: {
        client: "Its client. Name it if the timeline does not know the notification: stores are searched by client.",
        queue: "Its queue, if it is a message of a queue.",
        payload: "`1` adds its data. That needs the scope `operate`, and the audit log records it.",
      },
      status: 200,
      answer: shown,
      async handle(call) {
        const { tenant, query } = call;
        const hint = recipientIn(query);
        const asksPayload = payloadIn(query);
        await mustExist(parts.policyStore, tenant);
        const found = await findNotification(parts, { tenant, id: call.id.toLowerCase(), hint });
        const text = asksPayload ? await payloadOf(parts, call, found) : undefined;
        return json(200, { ...notificationJson(found), ...(text && { payload: text }) });
      },
    }),
  ];
}

function notificationJson({ id, client, state, facts, gaps, unknown }: Found): object {
  return {
    id,
    client,
    state: stateJson(state),
    events: facts.events.map(eventJson),
    gaps: gaps.map(gapJson),
    unknown,
    ...storesJson(facts),
  };
}

/** Not a value that means no: the scope was decided by the name alone. */
function payloadIn(query: URLSearchParams): boolean {
  const value = query.get("payload");
  if (value !== null && value !== "1") throw new Refusal(wrongQuery("payload", "1, or absent"));
  return value === "1";
}

async function payloadOf(
  { stores }: SupportParts,
  { tenant, written }: Call,
  { id, key, row }: Found,
): Promise<{ store: string; text: string } | undefined> {
  const found = await stores.payload(tenant, key, id, row?.sequence);
  if (!found) return undefined;
  written.push({ kind: "payload", id, changed: {} });
  const { store, bytes, packed } = found;
  return { store, text: (packed ? notificationBody.payload(bytes) : bytes).toString("utf8") };
}
