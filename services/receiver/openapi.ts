import { z } from "zod";
import { PROBLEMS, type Slug } from "./problems.ts";
import { notificationSchema } from "./schema.ts";

/** The answers' schemas. The tests hold what is answered against them. */
const pointedError = z.object({
  pointer: z.string().meta({
    description:
      'JSON pointer (RFC 6901) into what was sent; "" is all of it. For NDJSON the first part is the item\'s index.',
  }),
  line: z.int().optional().meta({ description: "For NDJSON: the line, from 1." }),
  detail: z.string().meta({ description: "What was wrong." }),
  expected: z.string(),
  fix: z.string().meta({ description: "How to fix it." }),
});

export const problemSchema = z
  .object({
    type: z.string().meta({
      description: "A relative reference to the page about this kind of problem.",
      examples: ["/problems/invalid-shape"],
    }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    fix: z.string().optional().meta({ description: "How to mend the request; each of `errors` says more." }),
    errors: z.array(pointedError).optional(),
    retryAfter: z.int().optional().meta({ description: "Seconds; also sent as Retry-After." }),
    items: z
      .array(z.object({ index: z.int(), id: z.uuid() }))
      .optional()
      .meta({ description: "Where the outcome is not known: the ids with which a retry is harmless." }),
  })
  .meta({ description: "Problem details (RFC 9457)." });

export const acceptedSchema = z
  .object({
    accepted: z.int(),
    rejected: z.int(),
    items: z.array(
      z.union([
        z.strictObject({ index: z.int(), id: z.uuid() }),
        z.strictObject({ index: z.int(), id: z.uuid().optional(), problem: problemSchema }),
      ]),
    ),
  })
  .meta({ description: "Every item's verdict, in the order that they were sent in." });

const ANSWERS: Slug[] = [
  "not-json",
  "forbidden",
  "too-slow",
  "in-progress",
  "too-large",
  "unsupported-media-type",
  "invalid-value",
  "rate-limited",
  "unavailable",
];

const RETRY_AFTER = { "Retry-After": { description: "Seconds.", schema: { type: "integer" } } };
/** draft-ietf-httpapi-ratelimit-headers. */
const RATE_HEADERS = {
  "RateLimit-Policy": {
    description:
      "What may be published: `q` notifications at once, by your tenant and by this publisher, and as many again in `w` seconds.",
    schema: { type: "string", examples: ['"tenant";q=100000;w=5, "publisher";q=50000;w=5'] },
  },
  RateLimit: {
    description: "`r` notifications are left, and all of them are there again in `t` seconds.",
    schema: { type: "string", examples: ['"tenant";r=99900;t=1, "publisher";r=49900;t=1'] },
  },
};

export interface OpenapiLimits {
  MAX_DATA_BYTES: number;
  MAX_BATCH_ITEMS: number;
  MAX_BODY_BYTES: number;
}

export function openapi(limits: OpenapiLimits) {
  const one = { $ref: "#/components/schemas/Notification" };
  return {
    openapi: "3.1.0",
    info: {
      title: "SaaSaparilla Notifications: publish",
      version: "1",
      description:
        "Send a notification to a client, who gets it at once where it is connected, and else as soon as it comes. " +
        "202 means that it is stored safely and will be delivered. Anything else means that it was not accepted, but for one problem, which says that this is not known; and the answer says what to do.",
    },
    paths: {
      "/v1/notifications": {
        post: {
          operationId: "publish",
          summary: "Publish one notification or many",
          description: [
            `At most ${limits.MAX_BATCH_ITEMS} items and ${limits.MAX_BODY_BYTES} bytes in one request, and ${limits.MAX_DATA_BYTES} bytes of data in one notification.`,
            "Items for one client are delivered in the order in which they stand, and after those of requests that were answered before.",
            "An `id`, or the header Idempotency-Key for the whole request, makes a repeat harmless for a day.",
            "A repeat is answered with the verdicts of the first request. An accepted item is not sent again; an item with a temporary problem (409, 429, 503) is tried again under the same id.",
            "Where nothing was accepted, nothing is remembered, and the repeat is judged again.",
            "While the store of these keys is away, publishing goes on, and only repeats within the last minutes are recognised.",
          ].join("\n"),
          security: [{ publisher: [] }],
          parameters: [
            {
              name: "Idempotency-Key",
              in: "header",
              required: false,
              description:
                "A string that is new for each new request, best a UUID in quotes. It belongs to this publisher: tenant, issuer or API key, and subject. Repeat it only with the same media type and body.",
              schema: { type: "string", minLength: 1, maxLength: 255 },
            },
            {
              name: "traceparent",
              in: "header",
              required: false,
              description: "W3C Trace Context; carried to the client.",
              schema: { type: "string" },
            },
          ],
          requestBody: {
            required: true,
            content: {
              "application/json": {
                schema: { oneOf: [one, { type: "array", items: one, minItems: 1, maxItems: limits.MAX_BATCH_ITEMS }] },
                examples: {
                  one: { value: { to: { client: "u1" }, data: { text: "Hello" } } },
                  many: {
                    value: [
                      { to: { client: "u1" }, data: "first" },
                      { to: { client: "u2" }, data: "second", ttl: 3600, event: "order.shipped" },
                    ],
                  },
                },
              },
              "application/x-ndjson": {
                schema: {
                  type: "string",
                  description: "A notification on each line. A line that is wrong is refused alone.",
                },
                example: '{"to":{"client":"u1"},"data":"first"}\n{"to":{"client":"u2"},"data":"second"}\n',
              },
            },
          },
          responses: {
            202: {
              description: "At least one item is accepted: it is stored safely. Every item has its verdict.",
              headers: {
                ...RATE_HEADERS,
                "Idempotency-Replayed": {
                  description: "`true` where every accepted item of this answer was accepted before.",
                  schema: { type: "string", const: "true" },
                },
              },
              content: { "application/json": { schema: { $ref: "#/components/schemas/Accepted" } } },
            },
            431: {
              description:
                "The address and the headers together are too large; answered before anything else, as text.",
            },
            ...Object.fromEntries(ANSWERS.map((slug) => [PROBLEMS[slug].status, problemAnswer(PROBLEMS[slug].status)])),
          },
        },
      },
    },
    components: {
      securitySchemes: {
        publisher: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description: "A token with your tenant and the scope `publish`.",
        },
      },
      schemas: {
        Notification: schemaOf(notificationSchema),
        Accepted: schemaOf(acceptedSchema),
        Problem: schemaOf(problemSchema),
      },
    },
  };
}

export type Openapi = ReturnType<typeof openapi>;

function problemAnswer(status: number) {
  const kinds = Object.entries(PROBLEMS).filter(([, problem]) => problem.status === status);
  return {
    description: kinds.map(([slug, { title }]) => `${title} (/problems/${slug})`).join("; "),
    headers: {
      ...(status === 503 || status === 409 || status === 429 ? RETRY_AFTER : {}),
      ...(status === 429 ? RATE_HEADERS : {}),
    },
    content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
  };
}

function schemaOf(schema: z.ZodType): object {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema);
  return rest;
}
