import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import { route, type Call, type Route } from "#api/routes.ts";
import type { Relay, RelayedRequest } from "./relay.ts";

const PAGES = { after: "The last id of the previous page.", limit: "The largest number of entries to return." };
const GROUP = "/v1/tenants/:tenant/groups/:group";

type Described = Pick<Route, "method" | "path" | "operation" | "needs" | "of" | "summary" | "query">;

/** What other services know: dead letters, quarantine, groups and inboxes. */
export function relayRoutes(relay: Relay): Route[] {
  const relayed = (described: Described, to: (call: Call) => Omit<RelayedRequest, "method">): Route =>
    route({
      ...described,
      status: 200,
      handle: (call) => relay.ask(call, { method: described.method, ...to(call) }),
    });
  return [
    // A dead letter can hold payloads of several tenants, so the director demands `operate` to read it.
    relayed(
      {
        method: "GET",
        path: "/v1/dead-letters",
        operation: "listDeadLetters",
        needs: "operate",
        of: "platform",
        summary: "List dead letters of all tenants",
        query: PAGES,
      },
      (call) => ({ service: "director", path: "/v1/dead-letters", query: queryOf(call, PAGES) }),
    ),
    relayed(
      {
        method: "GET",
        path: "/v1/dead-letters/:id",
        operation: "getDeadLetter",
        needs: "operate",
        of: "platform",
        summary: "Get one dead letter with its content",
      },
      ({ id }) => ({ service: "director", path: `/v1/dead-letters/${encodeURIComponent(id)}` }),
    ),
    relayed(
      {
        method: "POST",
        path: "/v1/dead-letters/:id/redrive",
        operation: "redriveDeadLetter",
        needs: "operate",
        of: "platform",
        summary: "Write a dead letter to its topic again",
      },
      ({ id }) => ({ service: "director", path: `/v1/dead-letters/${encodeURIComponent(id)}/redrive` }),
    ),
    relayed(
      {
        method: "GET",
        path: "/v1/tenants/:tenant/quarantine",
        operation: "listQuarantine",
        needs: "read",
        of: "tenant",
        summary: "List messages of queues that no worker could handle",
        query: PAGES,
      },
      (call) => ({ service: "dispatcher", path: "/v1/quarantine", query: queryOf(call, PAGES, ofTenant(call)) }),
    ),
    relayed(
      {
        method: "POST",
        path: "/v1/tenants/:tenant/quarantine/:id/redrive",
        operation: "redriveQuarantined",
        needs: "operate",
        of: "tenant",
        summary: "Send a message of the quarantine to its queue again",
        query: SOURCE,
      },
      (call) => ({
        service: "dispatcher",
        path: `/v1/quarantine/${encodeURIComponent(call.id)}/redrive`,
        query: queryOf(call, SOURCE, ofTenant(call)),
      }),
    ),
    relayed(
      {
        method: "GET",
        path: GROUP,
        operation: "getGroup",
        needs: "read",
        of: "tenant",
        summary: "Get the number of a group's members",
      },
      (call) => ({ service: "dispatcher", path: groupPath(call), as: publisherOf(call) }),
    ),
    relayed(
      {
        method: "GET",
        path: `${GROUP}/members`,
        operation: "listGroupMembers",
        needs: "read",
        of: "tenant",
        summary: "List the members of a group",
        query: PAGES,
      },
      (call) => ({
        service: "dispatcher",
        path: `${groupPath(call)}/members`,
        query: queryOf(call, PAGES),
        as: publisherOf(call),
      }),
    ),
    ...(["PUT", "DELETE"] as const).map((method) =>
      relayed(
        {
          method,
          path: `${GROUP}/members/:client`,
          operation: method === "PUT" ? "putGroupMember" : "deleteGroupMember",
          needs: "operate",
          of: "tenant",
          summary: method === "PUT" ? "Add a client to a group" : "Remove a client from a group",
        },
        (call) => ({
          service: "dispatcher",
          path: `${groupPath(call)}/members/${encodeURIComponent(call.names.client ?? "")}`,
          as: publisherOf(call),
        }),
      ),
    ),
    relayed(
      {
        method: "GET",
        path: "/v1/tenants/:tenant/clients/:client/inbox",
        operation: "listInbox",
        // Its items have payloads.
        needs: "operate",
        of: "tenant",
        summary: "List the inbox of a client",
        query: INBOX,
      },
      (call) => ({
        service: "courier",
        path: `/v1/inbox/${encodeURIComponent(call.names.client ?? "")}`,
        query: queryOf(call, INBOX, ofTenant(call)),
      }),
    ),
  ];
}

const SOURCE = { source: "The queue, as queue/jobs, if several hold the message." };
const INBOX = { before: "The cursor of the last item of the previous page.", limit: PAGES.limit };

const ofTenant = ({ tenant }: Call): Record<string, string> => ({ tenant });
const groupPath = ({ names }: Call): string => `/v1/groups/${encodeURIComponent(names.group ?? "")}`;

/** Only the members that the route names reach the other service. */
function queryOf({ query }: Call, known: Record<string, string>, more: Record<string, string> = {}): URLSearchParams {
  const given = Object.keys(known).flatMap((name) => {
    const value = query.get(name);
    return value === null ? [] : [[name, value] as [string, string]];
  });
  return new URLSearchParams([...given, ...Object.entries(more)]);
}

/** Groups belong to publishers. The console has checked that this operator may act for the tenant. */
export const publisherOf = ({ caller, tenant }: Call): Identity => ({
  ...caller,
  tenant,
  scopes: new Set(["publish"]),
  source: { kind: "console", platform: false },
});
