import { CLIENT_FORM, EVENT_FORM, NAME_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import { COLLAPSE_FORM, MAX_HEADERS, MAX_HEADERS_BYTES } from "@saasaparilla/shared/protocol/options.ts";
import type { Target } from "@saasaparilla/shared/protocol/publication.ts";
import { z } from "zod";
import { timeOf } from "./date-time.ts";

const MAX_TTL_SECONDS = 30 * 24 * 60 * 60;
/** A year. */
const MAX_DELAY_SECONDS = 365 * 24 * 60 * 60;
export const MAX_CLIENTS = 1_000;

/** A client's JSON parser may recurse once for each level, and some stop at 64. The frame adds levels of its own. */
export const MAX_DEPTH = 60;

/** Names of headers. Conditions of exchanges name them, so they have no space and begin with no operator's sign. */
const HEADER_FORM = EVENT_FORM;

const client = z.string().regex(CLIENT_FORM);
const name = z.string().regex(NAME_FORM);

/** By the member that names the target. */
export const TARGETS = {
  client: z
    .strictObject({
      client: client.meta({
        description:
          "The recipient's id in your tenant. Printable ASCII without spaces, quotes, backslashes or braces.",
        examples: ["u1"],
      }),
    })
    .meta({ id: "ToClient", description: "One client." }),
  clients: z
    .strictObject({
      clients: z
        .array(client)
        .min(1)
        .max(MAX_CLIENTS)
        .check(({ value, issues }) => {
          const seen = new Set<string>();
          for (const [index, one] of value.entries()) {
            const first = seen.has(one) ? value.indexOf(one) : -1;
            if (first >= 0)
              issues.push({ code: "custom", input: one, path: [index], message: `It repeats client ${first}.` });
            seen.add(one);
          }
        })
        .meta({
          description: `The ids of at most ${MAX_CLIENTS} clients.`,
          examples: [["u1", "u2"]],
          uniqueItems: true,
        }),
    })
    .meta({ id: "ToClients", description: "Several clients. Each gets a notification with its own id." }),
  group: z
    .strictObject({ group: name.meta({ description: "The group's name.", examples: ["team-a"] }) })
    .meta({ id: "ToGroup", description: "All clients in the group at the time when it is expanded." }),
  queue: z
    .strictObject({ queue: name.meta({ description: "The queue's name.", examples: ["changes"] }) })
    .meta({ id: "ToQueue", description: "A queue. Consumers read it." }),
  exchange: z
    .strictObject({
      exchange: name.meta({ description: "The exchange's name.", examples: ["orders"] }),
      key: z
        .string()
        .regex(CLIENT_FORM)
        .exactOptional()
        .meta({ description: "The routing key, for bindings that compare it.", examples: ["eu.shipped"] }),
    })
    .meta({ id: "ToExchange", description: "An exchange. Its bindings select the recipients." }),
} as const;

const headers = z
  .record(z.string().regex(HEADER_FORM), z.union([z.string(), z.number(), z.boolean(), z.null()]))
  .check(({ value, issues }) => {
    const bytes = Buffer.byteLength(JSON.stringify(value));
    if (bytes > MAX_HEADERS_BYTES)
      issues.push({ code: "custom", input: value, path: [], message: `It has ${bytes} bytes as JSON text.` });
    for (const [header, one] of Object.entries(value)) {
      // JSON parsers round it, so the recipient would read another number.
      if (typeof one === "number" && Number.isInteger(one) && !Number.isSafeInteger(one))
        issues.push({
          code: "custom",
          input: one,
          path: [header],
          message: `It is the number ${one}, after rounding.`,
        });
    }
  })
  .meta({
    description: `At most ${MAX_HEADERS} scalars, and ${MAX_HEADERS_BYTES} bytes as JSON. Bindings of exchanges match them. Consumers of queues receive them.`,
    examples: [{ region: "eu", priority: 1 }],
    maxProperties: MAX_HEADERS,
  });

const collapse = z
  .string()
  .regex(COLLAPSE_FORM)
  .meta({ description: "Only the last waiting notification of a client with this key is delivered." });

/** All members but `to`, `data`, `collapse` and `retract`. */
const shared = {
  id: z.uuid().exactOptional().meta({
    description: "Makes a retry safe: the same id is delivered once. The default is a new UUID.",
  }),
  ttl: z.int().min(1).max(MAX_TTL_SECONDS).exactOptional().meta({
    description:
      "Seconds after which the notification expires undelivered, counted from when it is accepted or due. Without it, the notification waits until its client connects.",
  }),
  event: z
    .string()
    .regex(EVENT_FORM)
    .exactOptional()
    .meta({
      description: "The kind of notification. The client can filter by it.",
      examples: ["order.shipped"],
    }),
  headers: headers.exactOptional(),
  at: z
    .string()
    .refine((text) => timeOf(text) !== undefined)
    .exactOptional()
    .meta({
      description:
        "The time at which it is due, in RFC 3339 with an offset. A time in the past means now. Use either `at` or `delay`.",
      format: "date-time",
      examples: ["2026-12-24T09:00:00+01:00"],
    }),
  delay: z.int().min(0).max(MAX_DELAY_SECONDS).exactOptional().meta({
    description: "Seconds from acceptance until it is due, at most a year. Use either `at` or `delay`.",
  }),
  outcomes: name.exactOptional().meta({
    description: "The queue that gets the outcome: acknowledged, expired, replaced, retracted or dead.",
  }),
};

const to = z.xor(Object.values(TARGETS)).meta({ description: "The recipient." });

/** The publisher's notification. This file is the only source for validation and for /openapi.json. */
export const notificationSchema = z
  .strictObject({
    to,
    data: z.unknown().meta({
      description: `Any JSON with at most ${MAX_DEPTH} levels. The client receives it byte for byte as you wrote it, on one line.`,
      examples: [{ text: "Hello" }],
    }),
    ...shared,
    collapse: collapse.exactOptional(),
  })
  .meta({ description: "One notification, for one target." });

/** Takes notifications back. It has no data. */
export const retractionSchema = z
  .strictObject({ to, ...shared, collapse, retract: z.literal(true) })
  .meta({ description: "Withdraws the notifications of its target with this collapse key." });

/** A valid notification or retraction. */
export interface Published extends Omit<z.output<typeof notificationSchema>, "to" | "data"> {
  to: Target;
  data?: unknown;
  retract?: true;
}

/** For each place: the expected value, and how to fix it. */
export const PLACES: Record<string, { expected: string; fix: string }> = {
  "": {
    expected: 'an object such as {"to": {"client": "u1"}, "data": "Hello"}',
    fix: "Send an object for each notification.",
  },
  "/to": {
    expected: `an object with one of ${Object.keys(TARGETS).join(", ")}`,
    fix: 'Name the recipient: "to": {"client": "u1"}.',
  },
  "/to/client": {
    expected: "1 to 128 printable ASCII characters, without spaces, quotes, backslashes or braces",
    fix: "Use the client's id from the claim `sub` of its token. Encode other characters, for example as base64url.",
  },
  "/to/clients": {
    expected: `an array of 1 to ${MAX_CLIENTS} ids of clients`,
    fix: "Split the clients over several notifications, or publish to a group.",
  },
  "/to/clients/*": {
    expected: "a client's id that occurs once: 1 to 128 printable ASCII characters",
    fix: "Name each client once, by the id from the claim `sub` of its token.",
  },
  "/to/group": { expected: nameText("group"), fix: "Use the name of the group to which you added members." },
  "/to/queue": { expected: nameText("queue"), fix: "Use the name of the queue that your consumers read." },
  "/to/exchange": { expected: nameText("exchange"), fix: "Use the name of an exchange of your tenant." },
  "/to/key": {
    expected: "1 to 128 printable ASCII characters, without spaces, quotes, backslashes or braces",
    fix: "Use a short routing key such as eu.shipped, or omit it.",
  },
  "/data": { expected: "any JSON value", fix: 'Put the content into "data". null is allowed.' },
  "/id": {
    expected: "a UUID, such as 3f0e7a52-6c1d-4f4b-9a57-0f5f6d1c2b3a",
    fix: "Use a UUID function such as crypto.randomUUID(), or leave the id out.",
  },
  "/ttl": {
    expected: `a whole number of seconds from 1 to ${MAX_TTL_SECONDS}`,
    fix: "Send seconds as a JSON number, or leave ttl out for no expiry.",
  },
  "/event": {
    expected: 'a letter or digit, then at most 63 letters, digits, ".", "_", ":" or "-"',
    fix: 'Use a short name such as order.shipped, and put the rest into "data".',
  },
  "/headers": {
    expected: `an object of at most ${MAX_HEADERS} strings, numbers, booleans or nulls, and at most ${MAX_HEADERS_BYTES} bytes as JSON`,
    fix: 'Keep only the values that bindings and consumers compare. Put the rest into "data".',
  },
  "/headers/*": {
    expected:
      'a name of up to 64 letters, digits, ".", "_", ":" and "-", and as its value a string, number, boolean or null; integers up to 2^53',
    fix: 'Rename it, or put structured values into "data". Send large numbers as strings.',
  },
  "/at": {
    expected: "a date and time of RFC 3339 with an offset, such as 2026-12-24T09:00:00+01:00",
    fix: "Use a function such as toISOString(). For a time relative to now, send `delay` instead.",
  },
  "/delay": {
    expected: `a whole number of seconds from 0 to ${MAX_DELAY_SECONDS}, without "at"`,
    fix: 'Send seconds as a JSON number. For a later date, send "at" alone.',
  },
  "/collapse": {
    expected: "1 to 128 printable ASCII characters, without spaces, quotes, backslashes or braces",
    fix: "Use one key for the notifications that replace each other, such as order-17.",
  },
  "/retract": {
    expected: 'true, with "collapse" and without "data"',
    fix: 'Send {"to": ..., "collapse": "<key>", "retract": true}, or omit "retract".',
  },
  "/outcomes": { expected: nameText("queue"), fix: "Name the queue that gets the outcome, or omit `outcomes`." },
};

function nameText(kind: string): string {
  return `a ${kind}'s name: a letter or digit, then at most 99 letters, digits, ".", "_", ":" or "-"`;
}

/**
 * Recognises the common form: only the client and the data. The schema checks all other forms, at the cost of two
 * kilobytes of copies. `value` was parsed from JSON.
 */
export function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("data" in value) || !("to" in value)) return false;
  for (const member in value) if (member !== "to" && member !== "data") return false;
  const { to: target } = value;
  if (typeof target !== "object" || target === null || !("client" in target)) return false;
  for (const member in target) if (member !== "client") return false;
  return typeof target.client === "string" && CLIENT_FORM.test(target.client);
}
