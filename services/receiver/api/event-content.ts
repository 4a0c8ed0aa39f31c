import type { Content } from "@saasaparilla/shared/http/openapi/document.ts";
import type { Schemas } from "@saasaparilla/shared/http/openapi/schemas.ts";

const EVENT = {
  specversion: "1.0",
  id: "a-17",
  source: "/shop",
  type: "order.shipped",
  subject: "u1",
  data: { order: 17 },
};

const SCHEMA = {
  type: "object",
  description:
    "An event of CloudEvents 1.0. `subject` is the client, unless `togroup`, `toqueue` or `toexchange` (with `exchangekey`) names another target. The extension attributes `ttl`, `at`, `delay`, `collapse` and `outcomes` are those of a notification; all others are headers. In binary mode the attributes are headers `ce-*`, and the body is the data.",
  required: ["specversion", "id", "source", "type"],
  properties: {
    specversion: { type: "string", const: "1.0" },
    id: { type: "string", minLength: 1 },
    source: { type: "string", minLength: 1 },
    type: { type: "string", minLength: 1, maxLength: 64 },
    subject: { type: "string" },
    data: {},
  },
};

/** The contents of events by media type. Their schemas join the others: under two names, as those of notifications. */
export function eventContents(schemas: Schemas): Record<string, Content> {
  schemas.all["CloudEvent"] = SCHEMA;
  schemas.all["CloudEventItem"] = SCHEMA;
  return {
    "application/cloudevents+json": { schema: { $ref: "#/components/schemas/CloudEvent" }, example: EVENT },
    "application/cloudevents-batch+json": {
      schema: { type: "array", minItems: 1, items: { $ref: "#/components/schemas/CloudEventItem" } },
      example: [EVENT],
    },
  };
}
