import { Schemas } from "@saasaparilla/shared/http/openapi/schemas.ts";
import {
  describeService,
  type Openapi,
  type Operation,
  type Parameter,
} from "@saasaparilla/shared/http/openapi/document.ts";
import { z } from "zod";

const summary = {
  id: z.string().meta({ description: "Its place among the dead letters." }),
  topic: z.string().meta({ description: "Where the record was, with `partition` and `offset`." }),
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
    .meta({ description: "The first that can be read in it." }),
};

const deadLetter = z.object(summary).meta({ id: "DeadLetter", description: "What could not be processed." });
const deadLetters = z
  .object({
    deadLetters: z.array(deadLetter),
    next: z.string().optional().meta({ description: "For `after`, where there are more." }),
  })
  .meta({ id: "DeadLetters" });
const shownDeadLetter = z
  .object({
    ...summary,
    content: z
      .looseObject({
        items: z.array(z.looseObject({})).optional(),
        base64: z.string().optional().meta({ description: "Where it cannot be read." }),
      })
      .meta({ id: "DeadLetterContent" }),
  })
  .meta({ id: "ShownDeadLetter" });
const redriven = z
  .object({ redriven: z.string(), topic: z.string(), partition: z.int(), offset: z.int().optional() })
  .meta({ id: "Redriven", description: "Where the record is now." });

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
    description: "What could not be processed, for those who operate the platform.",
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
        description: "The newest; or those after one, the oldest first.",
        parameters: [
          {
            name: "limit",
            in: "query",
            required: false,
            description: "At most so many.",
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
        summary: "One dead letter, with its content",
        description: "What can be read of it, or its bytes.",
        parameters: [ID],
        answers: answer("ShownDeadLetter", shownDeadLetter),
        problems: [],
      },
      {
        ...common,
        id: "redriveDeadLetter",
        method: "post",
        path: "/v1/dead-letters/{id}/redrive",
        summary: "Process one again",
        description: "It is written to its topic again. What was delivered of it before may come a second time.",
        parameters: [ID],
        answers: answer("Redriven", redriven),
        problems: ["cannot-redrive", "busy", "too-large", "too-slow", "unsupported-media-type"],
      },
    ],
  });
}
