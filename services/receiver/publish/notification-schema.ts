import { CLIENT_FORM, EVENT_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import { MOST_ERRORS, shorten, type ProblemError } from "@saasaparilla/shared/http/problem.ts";
import { z } from "zod";

const MAX_TTL_SECONDS = 30 * 24 * 60 * 60;

/** A client's JSON parser may recurse once for each level, and some stop at 64. The frame adds levels of its own. */
export const MAX_DEPTH = 60;

/** The publisher's notification: the only source for validation and for /openapi.json. */
export const notificationSchema = z
  .strictObject({
    to: z
      .strictObject({
        client: z
          .string()
          .regex(CLIENT_FORM)
          .meta({
            description:
              "The recipient's id in your tenant. Printable ASCII without spaces, quotes, backslashes or braces.",
            examples: ["u1"],
          }),
      })
      .meta({ description: "The recipient." }),
    data: z.unknown().meta({
      description: `Any JSON with at most ${MAX_DEPTH} levels. The client receives it byte for byte as you wrote it, on one line.`,
      examples: [{ text: "Hello" }],
    }),
    id: z.uuid().exactOptional().meta({
      description: "Makes a retry safe: the same id is delivered once. The default is a new UUID.",
    }),
    ttl: z.int().min(1).max(MAX_TTL_SECONDS).exactOptional().meta({
      description:
        "Seconds after which the notification expires undelivered. Without it, the notification waits until its client connects.",
    }),
    event: z
      .string()
      .regex(EVENT_FORM)
      .exactOptional()
      .meta({
        description: "The kind of notification. The client can filter by it.",
        examples: ["order.shipped"],
      }),
  })
  .meta({ description: "One notification for one client." });

export type Published = z.output<typeof notificationSchema>;

const MEMBERS = Object.keys(notificationSchema.shape);
const TO_MEMBERS = Object.keys(notificationSchema.shape.to.shape);

/** For each place: the expected value, and how to fix it. */
const PLACES: Record<string, { expected: string; fix: string }> = {
  "": {
    expected: 'an object such as {"to": {"client": "u1"}, "data": "Hello"}',
    fix: "Send an object for each notification.",
  },
  "/to": { expected: 'an object {"client": "<id>"}', fix: 'Name the recipient: "to": {"client": "u1"}.' },
  "/to/client": {
    expected: "1 to 128 printable ASCII characters, without spaces, quotes, backslashes or braces",
    fix: "Use the client's id from the claim `sub` of its token. Encode other characters, for example as base64url.",
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
};

type Issue = z.core.$ZodIssue;

/** Undefined if the value is a notification. `shape`: a member is missing, unknown or has another type. */
export function check(value: unknown): Wrong | undefined {
  if (isPlain(value)) return undefined;
  const unknown = unknownMembers(value);
  const result = notificationSchema.safeParse(unknown.known);
  if (result.success && unknown.count === 0) return undefined;
  const issues = result.error?.issues ?? [];
  const shape = unknown.count > 0 || issues.some(({ code }) => code === "invalid_type");
  const known = issues.map((issue) => explain(issue, value));
  const inTo = ({ pointer }: ProblemError): boolean => pointer === "/to" || pointer.startsWith("/to/");
  const beside = (error: ProblemError): boolean => !inTo(error);
  // In the schema's order, with unknown members after known ones.
  const errors = [
    known.filter(inTo),
    unknown.errors.filter(inTo),
    known.filter(beside),
    unknown.errors.filter(beside),
  ].flat();
  return { errors: errors.slice(0, MOST_ERRORS), errorCount: issues.length + unknown.count, shape };
}

export interface Wrong {
  errors: ProblemError[];
  /** Can exceed the number of explained errors. */
  errorCount: number;
  shape: boolean;
}

/**
 * Keeps the known members. The schema would list and join the names of all unknown ones, and a body has room for
 * 300,000.
 */
function unknownMembers(value: unknown): { known: unknown; errors: ProblemError[]; count: number } {
  const found = { known: value, errors: [] as ProblemError[], count: 0 };
  if (!isObject(value)) return found;
  const known = split(value, MEMBERS, "", found);
  if (isObject(known["to"])) known["to"] = split(known["to"], TO_MEMBERS, "/to", found);
  return { ...found, known };
}

function split(
  value: Record<string, unknown>,
  members: readonly string[],
  pointer: string,
  found: { errors: ProblemError[]; count: number },
): Record<string, unknown> {
  const known: Record<string, unknown> = {};
  // Object.keys would allocate an array of all names.
  for (const name in value) {
    if (members.includes(name)) known[name] = value[name];
    else {
      found.count += 1;
      if (found.errors.length < MOST_ERRORS) found.errors.push(unknownMember(name, pointer, members));
    }
  }
  return known;
}

function unknownMember(name: string, pointer: string, members: readonly string[]): ProblemError {
  return {
    // A long name would make the answer as long, so the pointer names the object around it.
    pointer: name.length > 256 ? pointer : `${pointer}/${escapePointer(name)}`,
    detail: `The member ${JSON.stringify(shorten(name))} is unknown.`,
    expected: `only ${members.join(", ")}`,
    fix: 'Remove it, or move it into "data".',
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Recognises the common form: only the client and the data. The schema checks all other forms, at the cost of two
 * kilobytes of copies. `value` was parsed from JSON.
 */
export function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("data" in value) || !("to" in value)) return false;
  for (const name in value) if (name !== "to" && name !== "data") return false;
  const { to } = value;
  if (typeof to !== "object" || to === null || !("client" in to)) return false;
  for (const name in to) if (name !== "client") return false;
  return typeof to.client === "string" && CLIENT_FORM.test(to.client);
}

/** Pointers are relative to the item. */
function explain(issue: Issue, value: unknown): ProblemError {
  const pointer = issue.path.map((name) => `/${escapePointer(String(name))}`).join("");
  const place = PLACES[pointer] ?? PLACES[""]!;
  return { pointer, detail: whatIsThere(at(value, issue.path), issue.code), ...place };
}

function whatIsThere(value: unknown, code: string): string {
  if (value === undefined) return "The member is missing.";
  if (code === "invalid_type")
    return typeof value === "number" ? `It is the number ${value}.` : `It is ${kindOf(value)}.`;
  return `${typeof value === "string" ? JSON.stringify(shorten(value)) : JSON.stringify(value)} is not allowed.`;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, name) => (inner as Record<PropertyKey, unknown>)[name], value);
}

/** RFC 6901. */
function escapePointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
