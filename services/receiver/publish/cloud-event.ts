import type { ProblemError } from "@saasaparilla/shared/http/problem.ts";
import { timeOf } from "./date-time.ts";
import { derivedId } from "./idempotency-key.ts";
import { check } from "./notification-check.ts";
import type { Published } from "./notification-schema.ts";

/** The attributes of an event of CloudEvents 1.0, without its data. Null is the same as left out. */
export type Attributes = Readonly<Record<string, unknown>>;

/** An error at an attribute: "" is the whole event. */
export type AttributeError = Omit<ProblemError, "pointer" | "line" | "header"> & { attribute: string };

/** Extension attributes that name another target than the client of `subject`. */
const TARGETS = { togroup: "group", toqueue: "queue", toexchange: "exchange" } as const;
/** Extension attributes that become members. Texts are read as numbers, because headers of HTTP are texts. */
const NUMBERS = ["ttl", "delay"];
const TEXTS = ["at", "collapse", "outcomes"];
/** Attributes with an effect of their own. All others become headers. */
const USED: ReadonlySet<string> = new Set([
  "specversion",
  "type",
  "exchangekey",
  ...Object.keys(TARGETS),
  ...NUMBERS,
  ...TEXTS,
]);

const NAME_FORM = /^[a-z0-9]+$/;

/** The attribute that becomes a member, for errors. */
export function attributeOf(member: string): string {
  if (member === "/to" || member === "/to/client") return "subject";
  if (member === "/to/key") return "exchangekey";
  if (member.startsWith("/to/")) return `to${member.slice("/to/".length)}`;
  if (member === "/event") return "type";
  return member.startsWith("/headers") ? member.slice("/headers/".length) : member.slice(1);
}

/** The notification of an event, or why there is none. */
export function toNotification(given: Attributes): { published: Published } | { errors: AttributeError[] } {
  const errors: AttributeError[] = [];
  const attributes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === null) continue;
    if (!NAME_FORM.test(name)) errors.push(wrongName(name));
    else attributes[name] = value;
  }
  errors.push(...wrongAttributes(attributes));
  const to = targetOf(attributes, errors);
  if (!to || errors.length > 0) return { errors };
  const made: Record<string, unknown> = {
    to,
    id: derivedId(JSON.stringify(["cloudevents", attributes["source"], attributes["id"]]), 0),
    event: attributes["type"],
    headers: headersOf(attributes, "client" in to),
  };
  for (const name of NUMBERS) if (attributes[name] !== undefined) made[name] = numberOf(attributes[name]);
  for (const name of TEXTS) if (attributes[name] !== undefined) made[name] = attributes[name];
  const wrong = check({ ...made, data: null });
  if (!wrong) return { published: made as unknown as Published };
  return { errors: wrong.errors.map(({ pointer, ...error }) => ({ ...error, attribute: attributeOf(pointer) })) };
}

function targetOf(attributes: Attributes, errors: AttributeError[]): Record<string, unknown> | undefined {
  const named = Object.keys(TARGETS).filter((name) => attributes[name] !== undefined) as (keyof typeof TARGETS)[];
  const [name, another] = named;
  if (another !== undefined) errors.push(oneTarget(another, `The event also has ${name!}.`));
  const { exchangekey: key, subject } = attributes;
  if (key !== undefined && name !== "toexchange") errors.push(oneTarget("exchangekey", "The event has no toexchange."));
  if (name === undefined && subject === undefined)
    errors.push(oneTarget("subject", "The event has no subject, and no extension attribute names a target."));
  if (name === undefined) return { client: subject };
  return { [TARGETS[name]]: attributes[name], ...(name === "toexchange" && key !== undefined && { key }) };
}

function headersOf(attributes: Attributes, toClient: boolean): Record<string, unknown> {
  const isLeft = ([name, value]: [string, unknown]): boolean =>
    !USED.has(name) && !(toClient && name === "subject") && !(name === "datacontenttype" && isJsonType(value));
  return Object.fromEntries(Object.entries(attributes).filter(isLeft));
}

/** JSON is the usual type of data, so no header says it. */
export function isJsonType(contentType: unknown): boolean {
  if (typeof contentType !== "string") return false;
  return /^(?:application|text)\/json$|\+json$/.test(contentType.split(";", 1)[0]!.trim().toLowerCase());
}

function wrongAttributes(attributes: Attributes): AttributeError[] {
  const errors: AttributeError[] = [];
  const { specversion, time } = attributes;
  if (specversion !== "1.0")
    errors.push({
      attribute: "specversion",
      detail: specversion === undefined ? "The attribute is missing." : `It is ${shown(specversion)}.`,
      expected: 'the text "1.0"',
      fix: "Send an event of CloudEvents 1.0.",
    });
  for (const attribute of ["id", "source", "type"]) {
    const value = attributes[attribute];
    if (typeof value === "string" && value !== "") continue;
    errors.push({
      attribute,
      detail: value === undefined ? "The attribute is missing." : `It is ${shown(value)}.`,
      expected: "a text that is not empty",
      fix: "Each event of CloudEvents has an id, a source and a type.",
    });
  }
  if (time !== undefined && (typeof time !== "string" || timeOf(time) === undefined))
    errors.push({
      attribute: "time",
      detail: `It is ${shown(time)}.`,
      expected: "a date and time of RFC 3339 with an offset, such as 2026-12-24T09:00:00Z",
      fix: "Use a function such as toISOString(), or omit the time.",
    });
  return errors;
}

function wrongName(name: string): AttributeError {
  return {
    attribute: name.length > 256 ? "" : name,
    detail: `${shown(name)} is no name of an attribute.`,
    expected: "lower-case letters and digits",
    fix: "Rename the attribute to a name that CloudEvents 1.0 allows, for example myattribute.",
  };
}

function oneTarget(attribute: string, detail: string): AttributeError {
  return {
    attribute,
    detail,
    expected:
      "the client's id in subject, or one of togroup, toqueue and toexchange, the last with or without exchangekey",
    fix: "Name one target.",
  };
}

function numberOf(value: unknown): unknown {
  return typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
