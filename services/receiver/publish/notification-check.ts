import { MOST_ERRORS, shorten, type ProblemError } from "@saasaparilla/shared/http/problem.ts";
import { MAX_HEADERS } from "@saasaparilla/shared/protocol/options.ts";
import type { z } from "zod";
import { MAX_CLIENTS, notificationSchema, PLACES, retractionSchema, TARGETS } from "./notification-schema.ts";

export interface Wrong {
  /** Pointers are relative to the item. */
  errors: ProblemError[];
  /** Can exceed the number of explained errors. */
  errorCount: number;
  /** A member is missing, unknown or of another type. */
  shape: boolean;
}

type Members = Record<string, unknown>;
type Kind = keyof typeof TARGETS;

const KINDS = Object.keys(TARGETS) as Kind[];
/** `to` is checked apart, by the schema of its one kind. */
const SCHEMAS = {
  notification: notificationSchema.omit({ to: true }),
  retraction: retractionSchema.omit({ to: true }),
};
const MEMBERS = [...Object.keys(notificationSchema.shape), "retract"];

/** Undefined if the value is a notification or a retraction. It costs far more than `isPlain`, which comes first. */
export function check(value: unknown): Wrong | undefined {
  const wrong = new WrongMembers();
  if (isObject(value)) {
    checkTarget(value["to"], wrong);
    checkRest(value, wrong);
  } else wrong.at("", value);
  return wrong.errorCount === 0 ? undefined : wrong;
}

function checkTarget(to: unknown, wrong: WrongMembers): void {
  if (!isObject(to)) {
    wrong.at("/to", to);
    return;
  }
  const [kind, another] = KINDS.filter((one) => Object.hasOwn(to, one));
  if (kind === undefined) wrong.add("/to", "It names no target.", true);
  if (another !== undefined) wrong.add("/to", `It names ${kind!} and ${another}.`, false);
  const members = kind === undefined ? KINDS : Object.keys(TARGETS[kind].shape);
  const known = wrong.split(to, another === undefined ? members : [...KINDS, "key"], "/to");
  const { clients } = known;
  // The schema would copy and explain every entry.
  if (Array.isArray(clients) && clients.length > MAX_CLIENTS)
    wrong.add("/to/clients", `It has ${clients.length} entries.`, false);
  else if (kind !== undefined && another === undefined)
    wrong.issues("/to", known, TARGETS[kind].safeParse(known).error);
  wrong.addUnknown();
}

function checkRest(value: Members, wrong: WrongMembers): void {
  const { to: _to, ...known } = wrong.split(value, MEMBERS, "");
  const retracts = Object.hasOwn(known, "retract");
  if (retracts && Object.hasOwn(known, "data")) {
    wrong.add("/retract", "A retraction must not have data.", false);
    delete known["data"];
  }
  if (Object.hasOwn(known, "at") && Object.hasOwn(known, "delay"))
    wrong.add("/delay", 'Send either "at" or "delay", not both.', false);
  const { headers } = known;
  const many = isObject(headers) ? countOf(headers) : 0;
  if (many > MAX_HEADERS) {
    wrong.add("/headers", `It has ${many} members.`, false);
    delete known["headers"];
  }
  // The schema skips it.
  if (isObject(headers) && Object.hasOwn(headers, "__proto__"))
    wrong.add("/headers/__proto__", '"__proto__" is not a valid header name.', false);
  wrong.issues("", known, SCHEMAS[retracts ? "retraction" : "notification"].safeParse(known).error);
  wrong.addUnknown();
}

/** Collects errors, with a bound for those that are explained: a body has room for 300,000. */
class WrongMembers implements Wrong {
  readonly errors: ProblemError[] = [];
  errorCount = 0;
  shape = false;
  readonly #unknown: ProblemError[] = [];

  add(pointer: string, detail: string, shape: boolean): void {
    this.errorCount += 1;
    this.shape ||= shape;
    if (this.errors.length < MOST_ERRORS) this.errors.push({ pointer, detail, ...placeOf(pointer) });
  }

  /** A value that is missing or has another type. */
  at(pointer: string, value: unknown): void {
    this.add(pointer, value === undefined ? "The member is missing." : `It is ${kindOf(value)}.`, true);
  }

  issues(pointer: string, value: unknown, error: z.ZodError | undefined): void {
    for (const { path, code, message } of error?.issues ?? []) {
      const there = valueAt(value, path);
      const shape = code === "invalid_type" || code === "invalid_union";
      // A long name would make the answer as long, so the pointer names the object around it.
      const names = path.map(String).filter((name) => name.length <= 256);
      const place = pointer + names.map((name) => `/${escapePointer(name)}`).join("");
      if (shape) this.at(place, there);
      else if (code === "custom" && message !== INVALID) this.add(place, message, false);
      else if (code === "invalid_key") this.add(place, `${shown(path.at(-1))} is not a valid header name.`, false);
      else this.add(place, `${shown(there)} is not allowed.`, false);
    }
  }

  /** Keeps the known members. The schema would list and join the names of all unknown ones. */
  split(value: Members, members: readonly string[], pointer: string): Members {
    const known: Members = {};
    // Object.keys would allocate an array of all names.
    for (const name in value) {
      if (members.includes(name)) known[name] = value[name];
      else {
        this.errorCount += 1;
        this.shape = true;
        if (this.#unknown.length < MOST_ERRORS) this.#unknown.push(unknownMember(name, pointer, members));
      }
    }
    return known;
  }

  /** In the schema's order, with unknown members after known ones. */
  addUnknown(): void {
    const unknown = this.#unknown.splice(0);
    this.errors.push(...unknown.slice(0, Math.max(0, MOST_ERRORS - this.errors.length)));
  }
}

/** The text of zod for a refinement without one. */
const INVALID = "Invalid input";

function unknownMember(name: string, pointer: string, members: readonly string[]): ProblemError {
  return {
    pointer: name.length > 256 ? pointer : `${pointer}/${escapePointer(name)}`,
    detail: `The member ${JSON.stringify(shorten(name))} is unknown.`,
    expected: `only ${members.join(", ")}`,
    fix: 'Remove it, or move it into "data".',
  };
}

function placeOf(pointer: string): { expected: string; fix: string } {
  return PLACES[pointer] ?? PLACES[pointer.replace(/\/[^/]*$/, "/*")] ?? PLACES[""]!;
}

function countOf(value: Members): number {
  let count = 0;
  for (const _name in value) count += 1;
  return count;
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(shorten(value)) : shorten(JSON.stringify(value));
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return `the number ${value}`;
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, name) => (inner as Record<PropertyKey, unknown> | undefined)?.[name], value);
}

/** RFC 6901. */
function escapePointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
