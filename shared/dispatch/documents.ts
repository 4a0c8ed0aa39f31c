import { z } from "zod";
import { CLIENT_FORM, EVENT_FORM, NAME_FORM } from "#protocol/notification.ts";
import { MAX_HEADERS, MAX_HEADERS_BYTES } from "#protocol/options.ts";
import { cronProblem, zoneProblem } from "./cron.ts";
import { HEADER_FORM, ruleProblems } from "./header-rules.ts";

/** Documents that operators of a tenant write for the dispatcher. Each is checked when it is written, and when it is read. */

/** An issue with a value, not with the shape: the answer is 422. */
const VALUE = { params: { value: true } } as const;
const MAX_BINDINGS = 100;
const MAX_CLIENTS = 1_000;
/** As of published notifications. */
const MAX_DEPTH = 60;
const MAX_TTL_SECONDS = 30 * 24 * 60 * 60;

const name = z.string().regex(NAME_FORM, "a letter or digit, then up to 99 of letters, digits, '.', '_', ':' and '-'");
const client = z.string().regex(CLIENT_FORM, "a client's id: 1 to 128 printable ASCII characters");
const key = z
  .string()
  .regex(CLIENT_FORM, "1 to 128 printable ASCII characters without spaces, quotes, backslashes and braces");

const recipients = [
  z.strictObject({ client }),
  z.strictObject({ clients: z.array(client).min(1).max(MAX_CLIENTS) }),
  z.strictObject({ group: name }),
  z.strictObject({ queue: name }),
] as const;

/** An exchange cannot name another one, so that there are no cycles. */
const recipient = z.union(recipients, { error: "it must be one of {client}, {clients}, {group} and {queue}" });
const target = z.union([...recipients, z.strictObject({ exchange: name, key: z.exactOptional(key) })], {
  error: "it must be one of {client}, {clients}, {group}, {queue} and {exchange, key}",
});

const headerRule = z
  .record(z.string(), z.unknown())
  .superRefine((rule, context) => {
    for (const { path, message } of ruleProblems(rule)) context.addIssue({ code: "custom", path, message, ...VALUE });
  })
  .meta({
    description:
      "Conditions by the name of the header. All must be true. A condition is a value, or an object of $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $not. $or and $and have lists of rules.",
    examples: [{ country: { $ne: "DE" }, $or: [{ priority: { $gte: 5 } }, { vip: true }] }],
  });

const binding = z.strictObject({
  name: z.exactOptional(name),
  key: z.exactOptional(key),
  headers: z.exactOptional(headerRule),
  to: recipient,
});

/** The member of a binding that each type of exchange compares. */
const COMPARED = { direct: "key", fanout: undefined, headers: "headers" } as const;

const exchange = z
  .strictObject({
    type: z.enum(["direct", "fanout", "headers"]).meta({
      description: "direct: bindings with the publication's key. fanout: all. headers: bindings whose rule matches.",
    }),
    bindings: z.array(binding).max(MAX_BINDINGS),
    fallback: z.exactOptional(recipient.meta({ description: "The recipient if no binding matches." })),
  })
  .superRefine(({ type, bindings }, context) => {
    for (const [index, each] of bindings.entries())
      for (const member of ["key", "headers"] as const) {
        const needed = COMPARED[type] === member;
        if (needed === (each[member] !== undefined)) continue;
        const message = needed ? `a binding of type ${type} needs it` : `a binding of type ${type} does not use it`;
        context.addIssue({ code: "custom", path: ["bindings", index, member], message, ...VALUE });
      }
  });

const queue = z.strictObject({
  maxAttempts: z.exactOptional(z.int().min(1).max(100)).meta({
    description:
      "The number of claims after which a message moves to the quarantine. Without it, a message never does.",
  }),
  claimSeconds: z
    .int()
    .min(1)
    .max(12 * 60 * 60)
    .default(30)
    .meta({ description: "Seconds after which a claim ends and the message returns to the queue." }),
});

const headers = z
  .record(z.string().regex(HEADER_FORM), z.union([z.string(), z.number(), z.boolean(), z.null()]))
  .refine((given) => Object.keys(given).length <= MAX_HEADERS, `it has more than ${MAX_HEADERS} headers`)
  .refine(
    (given) => Buffer.byteLength(JSON.stringify(given)) <= MAX_HEADERS_BYTES,
    `it has more than ${MAX_HEADERS_BYTES} bytes as JSON`,
  );

const schedule = z.strictObject({
  cron: z
    .string()
    .max(200)
    .meta({
      description: "Five fields, or six with seconds first: minute, hour, day of the month, month, day of the week.",
      examples: ["0 9 * * MON-FRI"],
    }),
  zone: z
    .string()
    .max(100)
    .meta({ description: "A time zone of the tz database.", examples: ["Europe/Berlin"] }),
  to: target,
  data: z
    .unknown()
    .refine((data) => data !== undefined, "it is missing")
    .refine((data) => !isDeeper(data, MAX_DEPTH), `it is nested deeper than ${MAX_DEPTH} levels`)
    .meta({ description: `The payload: any JSON value of at most ${MAX_DEPTH} levels.` }),
  event: z.exactOptional(z.string().regex(EVENT_FORM)),
  headers: z.exactOptional(headers),
  ttl: z.exactOptional(z.int().min(1).max(MAX_TTL_SECONDS)),
  missed: z.enum(["one", "all", "none"]).default("one").meta({
    description: "For times that were missed while no dispatcher ran: fire the last one, all of them, or none.",
  }),
  catchUp: z
    .int()
    .min(0)
    .max(30 * 24 * 60 * 60)
    .default(24 * 60 * 60)
    .meta({ description: "The largest delay in seconds. A time missed by more is skipped." }),
  paused: z.exactOptional(z.boolean()),
});

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

export const documentSchemas = { exchange, queue, schedule } as const;

/** What a request may write. `now`: the time at which a schedule must have a next one. */
export function writtenSchedule(now: () => Date) {
  return schedule.superRefine(({ cron, zone }, context) => {
    const wrongZone = zoneProblem(zone);
    const wrongCron = cronProblem(cron, wrongZone === undefined ? zone : "UTC", now());
    for (const [member, message] of [
      ["zone", wrongZone],
      ["cron", wrongCron],
    ] as const)
      if (message !== undefined) context.addIssue({ code: "custom", path: [member], message, ...VALUE });
  });
}

export type DocumentKind = keyof typeof documentSchemas;
export type DocumentOf<K extends DocumentKind> = z.output<(typeof documentSchemas)[K]>;
export type Recipient = z.output<typeof recipient>;
