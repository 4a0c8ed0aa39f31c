import { problemSchema, Schemas } from "@saasaparilla/shared/http/openapi/schemas.ts";
import { describeService, type Openapi, type Operation } from "@saasaparilla/shared/http/openapi/document.ts";
import { z } from "zod";
import { MAX_AMPLIFIED_BYTES } from "#publish/item-cost.ts";
import { notificationSchema, retractionSchema } from "#publish/notification-schema.ts";
import { eventContents } from "./event-content.ts";

/** The tests check answers against this schema. */
export const acceptedSchema = z
  .object({
    accepted: z.int(),
    rejected: z.int(),
    items: z.array(
      z.union([
        z.strictObject({ index: z.int(), id: z.uuid() }).meta({ id: "AcceptedItem" }),
        z
          .strictObject({ index: z.int(), id: z.uuid().optional(), problem: problemSchema })
          .meta({ id: "RejectedItem", description: "It has an id if the outcome is unknown." }),
      ]),
    ),
  })
  .meta({ id: "Accepted", description: "The outcome of each item, in the order of the request." });

export const dryRunSchema = z
  .strictObject({
    dryRun: z.literal(true),
    accepted: z.int(),
    rejected: z.int(),
    items: z.array(
      z.union([
        z
          .strictObject({
            index: z.int(),
            to: z.looseObject({}).optional().meta({ description: "The target, as you sent it." }),
            recipients: z.int().optional().meta({ description: "Absent if the number is not available now." }),
            more: z.literal(true).optional().meta({ description: "There are more than `recipients`." }),
            clients: z
              .array(z.string())
              .optional()
              .meta({ description: "At most 1,000. For members of a group you need the scope `read`." }),
            bindings: z
              .array(z.looseObject({ index: z.int(), matches: z.boolean(), why: z.string() }))
              .optional()
              .meta({ description: "The bindings of an exchange. You need the scope `read`." }),
            why: z.string(),
            at: z.string().optional(),
            delay: z.int().optional(),
            outcomes: z.string().optional(),
          })
          .meta({ id: "Audience", description: "The recipients of an item, and the reason." }),
        z.strictObject({ index: z.int(), problem: problemSchema }).meta({ id: "WouldBeRejected" }),
      ]),
    ),
  })
  .meta({ id: "DryRun", description: "The response to ?dryRun=true. Nothing was sent." });

/** draft-ietf-httpapi-ratelimit-headers. */
const RATE_HEADERS = {
  "RateLimit-Policy": {
    description:
      "The limits of your tenant and of this publisher: `q` notifications at once, refilled within `w` seconds.",
    schema: { type: "string", examples: ['"tenant";q=100000;w=5, "publisher";q=50000;w=5'] },
  },
  RateLimit: {
    description: "The remaining quota: `r` notifications now, and the full quota in `t` seconds.",
    schema: { type: "string", examples: ['"tenant";r=99900;t=1, "publisher";r=49900;t=1'] },
  },
};

export interface OpenapiLimits {
  MAX_DATA_BYTES: number;
  MAX_BATCH_ITEMS: number;
  MAX_BODY_BYTES: number;
}

export function openapi(limits: OpenapiLimits): Openapi {
  const schemas = new Schemas();
  const one = schemas.ref("Notification", notificationSchema, "input");
  // The same schema under another name: openapi-generator's typescript-fetch imports a schema twice if it is both
  // itself and an array's item.
  const item = schemas.ref("NotificationItem", notificationSchema, "input");
  const retraction = schemas.ref("Retraction", retractionSchema, "input");
  const retracted = schemas.ref("RetractionItem", retractionSchema, "input");
  const items = { anyOf: [item, retracted] };
  schemas.all["Notifications"] = { type: "array", items, minItems: 1, maxItems: limits.MAX_BATCH_ITEMS };
  schemas.all["Publication"] = {
    description: "A notification, a retraction, or a list of them.",
    oneOf: [one, retraction, { $ref: "#/components/schemas/Notifications" }],
  };
  const dryRun = schemas.ref("DryRun", dryRunSchema);
  const accepted = schemas.ref("Accepted", acceptedSchema);
  return describeService({
    title: "publish",
    description:
      "Send notifications to clients, groups, queues and exchanges. A connected client gets its notification at once. A disconnected client gets it when it connects. " +
      "202 means that the platform stored the notification durably and will deliver it. Any other status means that it was not accepted. There is one exception: after the problem `outcome-unknown` it may have been accepted. Each error response says how to fix the request.",
    port: 8080,
    tags: { publish: "Send notifications." },
    security: { publisher: "A token with your tenant and the scope `publish`, or an API key for it." },
    schemas,
    operations: [
      publish(
        limits,
        { $ref: "#/components/schemas/Publication" },
        { accepted, dryRun, events: eventContents(schemas) },
      ),
    ],
  });
}

type Answers = Record<"accepted" | "dryRun", { $ref: string }>;

function publish(
  limits: OpenapiLimits,
  publication: { $ref: string },
  { accepted, dryRun, events }: Answers & { events: ReturnType<typeof eventContents> },
): Operation {
  return {
    id: "publish",
    method: "post",
    path: "/v1/notifications",
    tag: "publish",
    summary: "Publish one notification or many",
    description: [
      `At most ${limits.MAX_BATCH_ITEMS} items and ${limits.MAX_BODY_BYTES} bytes in one request, and ${limits.MAX_DATA_BYTES} bytes of data in one notification.`,
      "Each item names one target: a client, up to 1,000 clients, a group, a queue or an exchange. Groups, queues and exchanges need a right of their own.",
      "With `at` or `delay`, it is held until it is due. The answer contains the `id` of the publication.",
      `Each of several clients gets a copy. All copies of one request have at most ${MAX_AMPLIFIED_BYTES} bytes. Each copy counts towards your rate limit.`,
      "Items for one client are delivered in the order of the request. They follow the items of all requests that were answered before.",
      "To retry safely for a day, give each item an `id`, or send the header Idempotency-Key for the whole request.",
      "A repeat gets the outcomes of the first request. Accepted items are not sent again. Items with a temporary problem (409, 429, 503) are tried again with the same id.",
      "If no item was accepted, the repeat is handled as a new request.",
      "Refused data counts towards your rate limit: each KiB as one notification.",
      "While the store of these keys is unavailable, publishing continues, and only repeats within the last minutes are recognised.",
    ].join("\n"),
    security: "publisher",
    parameters: [
      {
        name: "dryRun",
        in: "query",
        required: false,
        description:
          "`true`: answers who would receive it and why, and sends nothing. It needs the same rights, and counts for your rate.",
        schema: { type: "boolean", default: false },
      },
      {
        name: "Idempotency-Key",
        in: "header",
        required: false,
        description:
          "A unique string for each new request, for example a UUID in quotes. A key belongs to one publisher: tenant, issuer or API key, and subject. Repeat it only with the same media type and body.",
        schema: { type: "string", minLength: 1, maxLength: 255 },
      },
      {
        name: "traceparent",
        in: "header",
        required: false,
        description: "W3C Trace Context. It is passed on to the client.",
        schema: { type: "string" },
      },
    ],
    body: {
      required: true,
      content: {
        "application/json": {
          schema: publication,
          examples: {
            one: { value: { to: { client: "u1" }, data: { text: "Hello" } } },
            many: {
              value: [
                { to: { client: "u1" }, data: "first" },
                { to: { client: "u2" }, data: "second", ttl: 3600, event: "order.shipped" },
              ],
            },
            clients: { value: { to: { clients: ["u1", "u2"] }, data: "for both" } },
            group: { value: { to: { group: "team-a" }, data: "standup", at: "2026-12-24T09:00:00+01:00" } },
            queue: { value: { to: { queue: "changes" }, data: { order: 17 }, headers: { region: "eu" } } },
            exchange: { value: { to: { exchange: "orders", key: "eu.shipped" }, data: { order: 17 }, delay: 60 } },
            collapse: { value: { to: { client: "u1" }, data: "3 unread", collapse: "unread", outcomes: "outcomes" } },
            retract: { value: { to: { client: "u1" }, collapse: "unread", retract: true } },
          },
        },
        "application/x-ndjson": {
          schema: {
            type: "string",
            description: "One notification per line. Only an invalid line is refused.",
          },
          example: '{"to":{"client":"u1"},"data":"first"}\n{"to":{"client":"u2"},"data":"second"}\n',
        },
        ...events,
      },
    },
    answers: {
      200: {
        description: "The response to ?dryRun=true. At least one item would be accepted. Nothing was sent.",
        headers: RATE_HEADERS,
        content: { "application/json": { schema: dryRun } },
      },
      202: {
        description: "At least one item was accepted and stored durably. Each item has an outcome.",
        headers: {
          ...RATE_HEADERS,
          "Idempotency-Replayed": {
            description: "`true` if an earlier request accepted all accepted items of this response.",
            schema: { type: "string", const: "true" },
          },
        },
        content: { "application/json": { schema: accepted } },
      },
    },
    problems: [
      "not-json",
      "invalid-shape",
      "invalid-value",
      "too-large",
      "too-slow",
      "unsupported-media-type",
      "client-forbidden",
      "target-forbidden",
      "unknown-target",
      "upgrade-unfinished",
      "id-reused",
      "key-reused",
      "in-progress",
      "tenant-full",
      "client-full",
      "busy",
      "outcome-unknown",
    ],
    headers: {
      429: { "Retry-After": { description: "Seconds.", schema: { type: "integer" } }, ...RATE_HEADERS },
      415: {
        "Accept-Encoding": {
          description: "`identity`: the only supported content encoding.",
          schema: { type: "string" },
        },
      },
    },
  };
}
