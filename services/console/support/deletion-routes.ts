import { TENANT_ROW } from "@saasaparilla/shared/auth/policies/schema.ts";
import { json, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { z } from "zod";
import { mustBeFree } from "#api/resource.ts";
import { conflict, notFound, Refusal } from "#api/responses.ts";
import { route, type Call, type Route } from "#api/routes.ts";
import { CLIENT_PATH } from "./client-routes.ts";
import type { DeletionStore, Whose } from "./deletion-store.ts";
import { remainsAfter, remainsSchema } from "./remains.ts";
import { isClientId } from "./support-parts.ts";
import { forgetWatch, type WatchParts } from "./watch-routes.ts";

export interface DeletionParts extends WatchParts {
  deletions: Pick<DeletionStore, "delete">;
  namespace: string;
  /** ms, monotonic. */
  clock: () => number;
}

/** A request ends before clients give up. Its repeat goes on. */
const BUDGET_MS = 8_000;

const answer = z.strictObject({
  finished: z.boolean().meta({ description: "False: more is left. Send the same request again." }),
  deleted: z.record(z.string(), z.int()).meta({ description: "Deleted rows, by what they were." }),
  remains: remainsSchema,
  notes: z.array(z.string()),
});

const LATE =
  "A notification that was accepted before and is not settled yet can still be stored or listed. Send the request again some minutes later.";
const OF_CLIENT = [
  LATE,
  "Messages of queues and quarantine, grants and revocations can name the client, and stay.",
  "Events of other clients name their publisher, until the timeline drops them.",
];
const OF_TENANT = [
  LATE,
  "The tenant's document, keys, issuers, grants, revocations, exchanges, queues and schedules stay.",
];

export function deletionRoutes(parts: DeletionParts): Route[] {
  return [
    route({
      method: "DELETE",
      path: CLIENT_PATH,
      isId: isClientId,
      needs: "operate",
      of: "tenant",
      summary: "Delete everything that is kept of a client. It cannot be undone",
      status: 200,
      answer,
      async handle(call) {
        const { tenant, id: client } = call;
        await tenantRow(parts, tenant);
        const watches = await forgetWatch(parts, call, client);
        return erased(parts, call, { whose: { tenant, client }, notes: OF_CLIENT, also: { watches } });
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/tenants/:tenant",
      needs: "operate",
      of: "platform",
      summary:
        "Delete the notifications, inboxes, groups, publications, quarantine and timeline of a suspended tenant. It cannot be undone",
      status: 200,
      answer,
      async handle(call) {
        const { tenant } = call;
        mustBeFree(tenant);
        const { state } = await tenantRow(parts, tenant);
        if (state !== "suspended")
          throw new Refusal(conflict(`The tenant ${tenant} is active. Suspend it first, so that nothing new comes.`));
        return erased(parts, call, { whose: { tenant }, notes: OF_TENANT, also: {} });
      },
    }),
  ];
}

async function erased(
  { deletions, namespace, clock, seconds }: DeletionParts,
  { written, tenant }: Call,
  { whose, notes, also }: { whose: Whose; notes: readonly string[]; also: Record<string, number> },
): Promise<HttpResponse> {
  const end = clock() + BUDGET_MS;
  const { deleted: rows, finished } = await deletions.delete(whose, () => clock() > end);
  const deleted = { ...rows, ...also };
  const changed = Object.fromEntries(Object.entries(deleted).map(([name, count]) => [name, [count, 0] as const]));
  written.push({
    kind: whose.client === undefined ? "data of tenant" : "data of client",
    id: whose.client ?? tenant,
    changed,
  });
  return json(200, { finished, deleted, remains: remainsAfter(namespace, seconds() * 1_000), notes });
}

async function tenantRow({ policyStore }: DeletionParts, tenant: string) {
  const row = await policyStore.find("tenant", tenant, TENANT_ROW);
  if (!row) throw new Refusal(notFound("such tenant"));
  return row;
}
