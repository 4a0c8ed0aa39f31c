import { json } from "@saasaparilla/shared/http/response.ts";
import { queueKey } from "@saasaparilla/shared/protocol/notification.ts";
import { route, type Call, type Needs, type Route } from "@saasaparilla/shared/http/routes.ts";
import { listResponse } from "@saasaparilla/shared/http/list-response.ts";
import { changeJson } from "./message-json.ts";
import { goneSignal } from "./queue-routes.ts";
import { idsBody, limitIn, waitMsIn } from "./queue-requests.ts";
import type { Queues } from "./queues.ts";

/** The queue of the changes feed. */
const QUEUE = "changes";
const needs = (): Needs => ({ scope: "consume", target: `queue/${QUEUE}` });
const queueOf = ({ caller }: Call): string => queueKey(caller.tenant, QUEUE);

/** The changes feed: one queue, with ids instead of receipts. */
export function changesRoutes(queues: Queues): Route[] {
  return [
    route({
      method: "get",
      path: "/api/changes",
      needs,
      async handle(call) {
        const { request } = call;
        const page = await queues.read(queueOf(call), limitIn(request), waitMsIn(request), goneSignal(request));
        return listResponse("changes", page.messages.map(changeJson), `,"more":${page.more}`);
      },
    }),
    route({
      method: "post",
      path: "/api/confirm-changes",
      needs,
      body: idsBody,
      async handle(call, { ids }) {
        const queue = queueOf(call);
        const asked = [...new Set(ids.map((id) => id.toLowerCase()))];
        const found = await queues.find(queue, asked);
        const missing = new Set(await queues.confirm(queue, [...found.values()]));
        const unknown = asked.filter((id) => !found.has(id) || missing.has(found.get(id)!));
        return json(200, { confirmed: asked.length - unknown.length, unknown });
      },
    }),
  ];
}
