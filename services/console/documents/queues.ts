import { documentSchemas } from "@saasaparilla/shared/dispatch/documents.ts";
import { NAME_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import { resource, type ResourceParts } from "#api/resource.ts";
import type { Route } from "#api/routes.ts";

const { queue } = documentSchemas;

export function queueRoutes(parts: ResourceParts): Route[] {
  return resource(parts, {
    kind: "queue",
    writes: "tenant",
    summary: "how its messages are claimed. A queue without a document uses the defaults",
    body: queue,
    answer: queue,
    isId: (id) => NAME_FORM.test(id),
    row: async (body) => body,
  });
}
