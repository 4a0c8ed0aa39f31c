import { documentSchemas } from "@saasaparilla/shared/dispatch/documents.ts";
import { Exchange } from "@saasaparilla/shared/dispatch/exchange.ts";
import { HEADER_FORM } from "@saasaparilla/shared/dispatch/header-rules.ts";
import { json } from "@saasaparilla/shared/http/response.ts";
import { NAME_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import { z } from "zod";
import { resource, type ResourceParts } from "#api/resource.ts";
import { notFound } from "#api/responses.ts";
import { route, type Route } from "#api/routes.ts";

const { exchange } = documentSchemas;
const isId = (id: string): boolean => NAME_FORM.test(id);

const publication = z.strictObject({
  key: z.exactOptional(z.string().min(1).max(128)),
  headers: z.exactOptional(
    z.record(z.string().regex(HEADER_FORM), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  ),
});

const to = exchange.shape.fallback.unwrap();
const explained = z.strictObject({
  bindings: z.array(
    z.strictObject({
      index: z.int(),
      name: z.string().optional(),
      matches: z.boolean(),
      why: z.string(),
      to,
    }),
  ),
  fallback: z.boolean().meta({ description: "Whether the fallback gets it, because no binding matches." }),
  recipients: z.array(to).meta({ description: "The recipients, each once." }),
});

export function exchangeRoutes(parts: ResourceParts): Route[] {
  return [
    ...resource(parts, {
      kind: "exchange",
      writes: "tenant",
      summary: "its bindings select the recipients of each publication",
      body: exchange,
      answer: exchange,
      isId,
      row: async (body) => body,
    }),
    route({
      method: "POST",
      path: "/v1/tenants/:tenant/exchanges/:id/explain",
      isId,
      needs: "read",
      of: "tenant",
      summary: "Explain which bindings of an exchange match a publication, and list its recipients",
      body: publication,
      status: 200,
      answer: explained,
      handle: async ({ tenant, id }, asked) => {
        const row = await parts.documents.store.row("exchange", tenant, id);
        if (!row) return notFound("such exchange");
        const found = new Exchange(exchange.parse(row.value));
        const bindings = found.explain(asked);
        const recipients = found.route(asked);
        const fallback = recipients.length > 0 && !bindings.some(({ matches }) => matches);
        return json(200, { bindings, fallback, recipients });
      },
    }),
  ];
}
