import { Schemas } from "@saasaparilla/shared/http/openapi/schemas.ts";
import {
  describeService,
  type Openapi,
  type Operation,
  type Parameter,
} from "@saasaparilla/shared/http/openapi/document.ts";
import { z } from "zod";

const summary = {
  id: z.string().meta({ description: "Its position among the dead letters." }),
  topic: z.string().meta({ description: "The topic of the record, with `partition` and `offset`." }),
  partition: z.int(),
  offset: z.int(),
  index: z
    .int()
    .optional()
    .meta({ description: "The place of the item in that record. Absent if the whole record could not be read." }),
  reason: z.string(),
  when: z.iso.datetime(),
  size: z.int().meta({ description: "Bytes." }),
  notifications: z
    .array(z.object({ client: z.string(), id: z.string() }).meta({ id: "NamedNotification" }))
    .meta({ description: "The first client that can be read in the record." }),
};

const deadLetter = z
  .object(summary)
  .meta({ id: "DeadLetter", description: "The record, or the part of it, that could not be processed." });
const deadLetters = z
  .object({
    deadLetters: z.array(deadLetter),
    next: z.string().optional().meta({ description: "The value for `after` to get the next page, if there are more." }),
  })
  .meta({ id: "DeadLetters" });
const shownDeadLetter = z
  .object({
    ...summary,
    content: z
      .looseObject({
        items: z.array(z.looseObject({})).optional(),
        base64: z.string().optional().meta({ description: "The raw bytes, if the record cannot be read." }),
      })
      .meta({ id: "DeadLetterContent" }),
  })
  .meta({ id: "ShownDeadLetter" });
const redriven = z
  .object({ redriven: z.string(), topic: z.string(), partition: z.int(), offset: z.int().optional() })
  .meta({ id: "Redriven", description: "The new position of the record." });

const ID: Parameter = {
  name: "id",
  in: "path",
  required: true,
  description: "The id of a dead letter.",
  schema: { type: "string" },
};

export function openapi(): Openapi {
  const schemas = new Schemas();
  const answer = (name: string, schema: z.ZodType): Operation["answers"] => ({
    200: { description: "Done.", content: { "application/json": { schema: schemas.ref(name, schema) } } },
  });
  const common = { tag: "deadLetters", security: "operator" } as const;
  return describeService({
    title: "dead letters",
    description: "Read and redrive records that could not be processed. For operators of the platform.",
    port: 8082,
    tags: { deadLetters: "Notifications that could not be processed." },
    security: { operator: "A token of the platform's own issuer with the scope `operate`." },
    schemas,
    operations: [
      {
        ...common,
        id: "listDeadLetters",
        method: "get",
        path: "/v1/dead-letters",
        summary: "The dead letters",
        description: "Without `after`, the newest. With `after`, the following ones, oldest first.",
        parameters: [
          {
            name: "limit",
            in: "query",
            required: false,
            description: "The largest number of entries to return.",
            schema: { type: "integer", minimum: 1, maximum: 500, default: 50 },
          },
          {
            name: "after",
            in: "query",
            required: false,
            description: "The id of a dead letter, or `start`.",
            schema: { type: "string" },
          },
        ],
        answers: answer("DeadLetters", deadLetters),
        problems: [],
        others: { 400: ["invalid-value"] },
      },
      {
        ...common,
        id: "getDeadLetter",
        method: "get",
        path: "/v1/dead-letters/{id}",
        summary: "Get one dead letter with its content",
        description: "The readable content, or the bytes.",
        parameters: [ID],
        answers: answer("ShownDeadLetter", shownDeadLetter),
        problems: [],
      },
      {
        ...common,
        id: "redriveDeadLetter",
        method: "post",
        path: "/v1/dead-letters/{id}/redrive",
        summary: "Process a dead letter again",
        description:
          "Writes the record to its topic again. Notifications that were delivered from it before may be delivered again.",
        parameters: [ID],
        answers: answer("Redriven", redriven),
        problems: ["cannot-redrive", "busy", "too-large", "too-slow", "unsupported-media-type"],
      },
    ],
  });
}
