import type { Operation, Parameter } from "@saasaparilla/shared/http/openapi/document.ts";
import type { Schemas } from "@saasaparilla/shared/http/openapi/schemas.ts";
import type { ProblemName } from "@saasaparilla/shared/http/problem-types.ts";
import { z } from "zod";
import type { ApiPart } from "@saasaparilla/shared/http/openapi/parts.ts";
import { claimBody, extensionBody, idsBody, receiptsBody } from "./queue-requests.ts";

const message = z
  .object({
    id: z.uuid(),
    receipt: z.string().meta({ description: "Send it to confirm, release or extend this message." }),
    event: z.string().optional(),
    traceparent: z.string().optional(),
    headers: z.looseObject({}).optional(),
    publishedAt: z.iso.datetime(),
    attempts: z.int().meta({ description: "The number of claims of this message, including this one." }),
    data: z.unknown().meta({ description: "The publisher's data, byte for byte." }),
  })
  .meta({ id: "QueueMessage" });
const claimed = z.object({ messages: z.array(message) }).meta({ id: "ClaimedMessages" });
const messages = z
  .object({
    messages: z.array(message),
    more: z.boolean().meta({ description: "Whether there were more messages at the time of the read." }),
  })
  .meta({ id: "QueueMessages" });
const change = z
  .object({ id: z.uuid(), type: z.string().nullable(), createdAt: z.iso.datetime(), data: z.unknown() })
  .meta({ id: "Change" });
const changes = z.object({ changes: z.array(change), more: z.boolean() }).meta({ id: "Changes" });
const unknown = z.array(z.string()).meta({ description: "Receipts or ids that were not found, or whose claim ended." });
const quarantined = z
  .object({
    id: z.uuid(),
    source: z.string().meta({ description: "Its queue, as in queue/jobs." }),
    reason: z.string(),
    at: z.iso.datetime(),
    event: z.string().optional(),
    headers: z.looseObject({}).optional(),
    data: z.unknown(),
  })
  .meta({ id: "QuarantinedMessage" });
const quarantine = z
  .object({
    items: z.array(quarantined),
    next: z
      .string()
      .optional()
      .meta({ description: "Pass it as `after` to get the next page. Absent on the last page." }),
  })
  .meta({ id: "QuarantinedMessages" });

const BODY_PROBLEMS: ProblemName[] = ["invalid-shape", "busy", "too-large", "too-slow", "unsupported-media-type"];

const QUEUE: Parameter = {
  name: "queue",
  in: "path",
  required: true,
  description: "The name of the queue, in your tenant.",
  schema: { type: "string" },
};
const query = (name: string, description: string, schema: Parameter["schema"]): Parameter => ({
  name,
  in: "query",
  required: false,
  description,
  schema,
});
const LIMIT = query("limit", "The largest number of entries to return.", {
  type: "integer",
  minimum: 1,
  maximum: 1_000,
  default: 100,
});
const WAIT = query("wait", "Seconds to wait while the queue is empty.", {
  type: "integer",
  minimum: 0,
  maximum: 30,
  default: 0,
});
const TENANT = query("tenant", "The tenant. Only operators of the platform can name another than their own.", {
  type: "string",
});

export const queuesApi: ApiPart = {
  tag: "queues",
  about:
    "Messages wait in a queue until a consumer confirms them. Any number of consumers can read, claim and confirm.",
  security: {
    consumer: "A token or an API key with the scope `consume`, and with the queue among its targets.",
    operator: "A token or an API key with the scope `operate`. To list, `read` is enough.",
  },
  operations(schemas) {
    return [...queueOperations(schemas), ...changesOperations(schemas), ...quarantineOperations(schemas)];
  },
};

function queueOperations(schemas: Schemas): Operation[] {
  const common = { tag: "queues", security: "consumer", parameters: [QUEUE], others: WRONG };
  const post = (id: string, name: string, summary: string, description: string) => ({
    ...common,
    id,
    method: "post" as const,
    path: `/v1/queues/{queue}/${name}`,
    summary,
    description,
    problems: BODY_PROBLEMS,
  });
  return [
    {
      ...common,
      id: "readQueue",
      method: "get",
      path: "/v1/queues/{queue}/messages",
      summary: "Read the oldest unconfirmed messages",
      description: "A read changes nothing. You get the same messages again until you confirm them.",
      parameters: [QUEUE, LIMIT, WAIT],
      answers: done(schemas, "QueueMessages", messages),
      problems: [],
    },
    {
      ...post(
        "claimMessages",
        "claims",
        "Claim the oldest free messages",
        "Other workers do not get them until the claim ends.",
      ),
      body: body(schemas, "ClaimBody", claimBody),
      answers: done(schemas, "ClaimedMessages", claimed),
    },
    {
      ...post(
        "confirmMessages",
        "confirmations",
        "Confirm messages",
        "Confirmed messages are removed from the queue. You can safely repeat the request.",
      ),
      body: body(schemas, "ReceiptsBody", receiptsBody),
      answers: done(schemas, "Confirmed", z.object({ confirmed: z.int(), unknown })),
    },
    {
      ...post("releaseMessages", "releases", "Release claimed messages", "Other workers can claim them at once."),
      body: body(schemas, "ReceiptsBody", receiptsBody),
      answers: done(schemas, "Released", z.object({ released: z.int(), unknown })),
    },
    {
      ...post("extendClaims", "extensions", "Extend claims", "An ended claim cannot be extended."),
      body: body(schemas, "ExtensionBody", extensionBody),
      answers: done(schemas, "Extended", z.object({ extended: z.int(), unknown })),
    },
  ];
}

function changesOperations(schemas: Schemas): Operation[] {
  const common = { tag: "queues", security: "consumer" };
  return [
    {
      ...common,
      id: "readChanges",
      method: "get",
      path: "/api/changes",
      summary: "Read the oldest unconfirmed changes",
      description: "Reads the queue `changes`. You get the same changes again until you confirm them.",
      parameters: [LIMIT, WAIT],
      answers: done(schemas, "Changes", changes),
      problems: [],
      others: WRONG,
    },
    {
      ...common,
      id: "confirmChanges",
      method: "post",
      path: "/api/confirm-changes",
      summary: "Confirm changes by their ids",
      description:
        "Looks the ids up among the 1,000 oldest unconfirmed changes. An id that was already confirmed is unknown.",
      body: body(schemas, "IdsBody", idsBody),
      answers: done(schemas, "Confirmed", z.object({ confirmed: z.int(), unknown })),
      problems: BODY_PROBLEMS,
    },
  ];
}

function quarantineOperations(schemas: Schemas): Operation[] {
  const common = { tag: "queues", security: "operator", others: WRONG };
  const id = {
    name: "id",
    in: "path",
    required: true,
    description: "The id of the message.",
    schema: { type: "string" },
  };
  return [
    {
      ...common,
      id: "listQuarantine",
      method: "get",
      path: "/v1/quarantine",
      summary: "List the messages that failed their last attempt",
      description: "Ordered by id. The quarantine keeps messages for thirty days.",
      parameters: [
        query("limit", "The largest number of entries to return.", {
          type: "integer",
          minimum: 1,
          maximum: 200,
          default: 50,
        }),
        query("after", "`next` of the previous page.", { type: "string" }),
        TENANT,
      ],
      answers: done(schemas, "QuarantinedMessages", quarantine),
      problems: [],
    },
    {
      ...common,
      id: "redriveQuarantined",
      method: "post",
      path: "/v1/quarantine/{id}/redrive",
      summary: "Send a message to its queue again",
      description: "It keeps its id, and follows all messages that are in the queue.",
      parameters: [
        id as Parameter,
        query("source", "The queue of the message, as `queue/jobs`. Needed if several queues have its id.", {
          type: "string",
        }),
        TENANT,
      ],
      answers: done(schemas, "RedrivenMessage", z.object({ redriven: z.uuid(), source: z.string() })),
      problems: ["busy", "too-large", "too-slow", "unsupported-media-type"],
    },
  ];
}

const WRONG: Record<number, ProblemName[]> = { 400: ["invalid-value", "invalid-shape", "invalid-request"] };

function done(schemas: Schemas, name: string, schema: z.ZodType): Operation["answers"] {
  return { 200: { description: "Done.", content: { "application/json": { schema: schemas.ref(name, schema) } } } };
}

function body(schemas: Schemas, name: string, schema: z.ZodType): NonNullable<Operation["body"]> {
  return { required: true, content: { "application/json": { schema: schemas.ref(name, schema, "input") } } };
}
