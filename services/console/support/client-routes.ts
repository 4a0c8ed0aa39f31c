import type { PolicyStore } from "@saasaparilla/shared/auth/policies/store.ts";
import { json } from "@saasaparilla/shared/http/response.ts";
import { clientKey } from "@saasaparilla/shared/protocol/notification.ts";
import { z } from "zod";
import { mustExist } from "#api/resource.ts";
import { Refusal, wrongQuery } from "#api/responses.ts";
import { route, type Route } from "#api/routes.ts";
import { viewClient, type ClientParts, type ClientView } from "./client-view.ts";
import { explainClient, explainNotification } from "./explain-client.ts";
import { iso, stateJson, stateSchema } from "./notification-json.ts";
import { isClientId, isNotificationId } from "./support-parts.ts";

export interface ClientRoutesParts extends ClientParts {
  policyStore: Pick<PolicyStore, "find">;
}

export const CLIENT_PATH = "/v1/tenants/:tenant/clients/:id";

const time = z.iso.datetime();
const count = z.int();

const shown = z.strictObject({
  client: z.string(),
  connections: z
    .array(
      z.strictObject({
        connection: z.string(),
        slot: z.int().meta({ description: "The slot of its distributor." }),
        transport: z.string().optional(),
        since: time.optional(),
        address: z.string().optional(),
      }),
    )
    .nullable()
    .meta({ description: "The connections now, the oldest first. Null if Redis does not answer." }),
  stored: z.strictObject({
    count,
    more: z.boolean().meta({ description: "There are more than were counted." }),
    oldest: time.optional(),
  }),
  inbox: z.strictObject({ count, newest: time.optional() }),
  groups: z.array(z.string()).meta({ description: "The first 100 groups that it is a member of." }),
  lastAcknowledged: time.optional().meta({ description: "Of followed notifications." }),
  recent: z.array(z.strictObject({ id: z.string(), at: time, state: stateSchema })),
});

const explained = z.strictObject({
  client: z.string(),
  id: z.string().optional(),
  state: stateSchema.optional(),
  sentences: z.array(z.string()),
  unknown: z.array(z.string()),
});

const disconnected = z.strictObject({
  connections: z.array(z.string()).meta({ description: "The connections that were told to end." }),
});

/** What is known of one client, and its connections. */
export function clientRoutes(parts: ClientRoutesParts): Route[] {
  const { policyStore, connections } = parts;
  return [
    route({
      method: "GET",
      path: CLIENT_PATH,
      isId: isClientId,
      needs: "read",
      of: "tenant",
      summary: "Get the connections, stored notifications, inbox, groups and recent notifications of a client",
      status: 200,
      answer: shown,
      async handle({ tenant, id: client }) {
        await mustExist(policyStore, tenant);
        return json(200, viewJson(client, await viewClient(parts, tenant, client)));
      },
    }),
    route({
      method: "GET",
      path: `${CLIENT_PATH}/explain`,
      operation: "explainClient",
      isId: isClientId,
      needs: "read",
      of: "tenant",
      summary: "Explain in sentences why a client got a notification or not",
      query: { id: "The id of a notification or of a publication. Without it, only the client is explained." },
      status: 200,
      answer: explained,
      async handle({ tenant, id: client, query }) {
        const id = query.get("id")?.toLowerCase();
        if (id !== undefined && !isNotificationId(id))
          throw new Refusal(wrongQuery("id", "the id of a notification: a UUID"));
        await mustExist(policyStore, tenant);
        const view = await viewClient(parts, tenant, client);
        const about = await explainClient(policyStore, { tenant, client, view });
        if (id === undefined) return json(200, { client, sentences: about, unknown: [] });
        const { found, sentences } = await explainNotification(parts, { tenant, client, id });
        const { unknown } = found;
        return json(200, { client, id, state: stateJson(found.state), sentences: [...sentences, ...about], unknown });
      },
    }),
    route({
      method: "POST",
      path: `${CLIENT_PATH}/disconnect`,
      isId: isClientId,
      needs: "operate",
      of: "tenant",
      summary: "End all connections of a client. It may come back at once: to keep it away, revoke it first",
      status: 200,
      answer: disconnected,
      async handle({ tenant, id: client, written }) {
        await mustExist(policyStore, tenant);
        const ended = await connections.end(clientKey(tenant, client));
        written.push({ kind: "connections", id: client, changed: { connections: [ended.length, 0] } });
        return json(200, { connections: ended });
      },
    }),
  ];
}

function viewJson(client: string, view: ClientView): object {
  const { connections, stored, inbox, groups, lastAcknowledged, recent } = view;
  const when = (name: string, at: number | undefined): object => (at === undefined ? {} : { [name]: iso(at) });
  return {
    client,
    connections: connections?.map(({ since, ...connection }) => ({ ...connection, ...when("since", since) })) ?? null,
    stored: { count: stored.count, more: stored.more, ...when("oldest", stored.oldest) },
    inbox: { count: inbox.count, ...when("newest", inbox.newest) },
    groups,
    ...when("lastAcknowledged", lastAcknowledged),
    recent: recent.map(({ id, at, state }) => ({ id, at: iso(at), state: stateJson(state) })),
  };
}
