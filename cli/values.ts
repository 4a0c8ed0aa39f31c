import { InvalidArgumentError } from "commander";
import { inboxSetting } from "@saasaparilla/shared/auth/policies/inbox-setting.ts";
import { patterns } from "@saasaparilla/shared/auth/policies/client-patterns.ts";
import { targetForm, targetPatterns as targets } from "@saasaparilla/shared/auth/policies/target-patterns.ts";
import {
  ALGORITHMS,
  PLATFORM_TENANT,
  rowSchemas,
  SCOPES,
  SHARED_ALGORITHM,
} from "@saasaparilla/shared/auth/policies/schema.ts";
import { LIMITS } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { subjectPatterns, subjectProblem } from "@saasaparilla/shared/auth/subject.ts";
import { isOrigin } from "@saasaparilla/shared/http/origin.ts";
import { CLIENT_FORM, NAME_FORM, TENANT_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import { seconds } from "@saasaparilla/shared/runtime/duration.ts";
import { z } from "zod";

/** The valid options and arguments. A wrong one is refused before any request. */
type Parser<T> = (text: string) => T;

const refused = (expected: string): never => {
  throw new InvalidArgumentError(expected);
};

/** The text if it fits. */
const fitting =
  (fits: (text: string) => boolean, expected: string): Parser<string> =>
  (text) =>
    fits(text) ? text : refused(expected);

export const tenantName = fitting(
  (text) => TENANT_FORM.test(text),
  "A tenant's name has 1 to 64 letters, digits, - and _.",
);

/** The platform's own name cannot be a tenant's. */
export const newTenantName: Parser<string> = (text) =>
  text === PLATFORM_TENANT
    ? refused(`"${PLATFORM_TENANT}" is reserved for operators. Choose another name.`)
    : tenantName(text);

export const documentId = fitting((text) => TENANT_FORM.test(text), "An id has 1 to 64 letters, digits, - and _.");

/** The name of an exchange, a queue or a schedule. */
export const targetId = fitting(
  (text) => NAME_FORM.test(text),
  "A name has a letter or digit, then at most 99 letters, digits, '.', '_', ':' and '-'.",
);

export const headers: Parser<object> = (text) => {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // The code below refuses it.
  }
  return refused(`Headers are a JSON object, as {"country":"FR"}.`);
};

export const clientId = fitting(
  (text) => CLIENT_FORM.test(text) && subjectProblem(text) === undefined,
  "A client's id has 1 to 128 printable ASCII characters, without spaces, quotes, backslashes and braces. It does not end with *, and is not . or ..",
);

const CLIENT = "client:";
const PUBLISHER = "publisher:";

/** A client or a publisher that is watched. */
export const watchId: Parser<string> = (text) => {
  if (text.startsWith(CLIENT)) return `${CLIENT}${clientId(text.slice(CLIENT.length))}`;
  if (text.startsWith(PUBLISHER)) return `${PUBLISHER}${subjectName(text.slice(PUBLISHER.length))}`;
  return refused("Write client:NAME or publisher:NAME.");
};

export const subjectName: Parser<string> = (text) => {
  const problem = subjectProblem(text);
  return problem === undefined ? text : refused(`It ${problem}. A subject has 1 to 256 characters.`);
};

/** `*` is all subjects of the tenant. */
export const revokedSubject: Parser<string> = (text) => (text === "*" ? text : subjectName(text));

export const ttl: Parser<number> = (text) => {
  try {
    return seconds("", text, "");
  } catch {
    return refused("A duration is a number and a unit, as 30s, 15m, 1h or 7d.");
  }
};

export const limitOf =
  (most: number): Parser<number> =>
  (text) =>
    /^[1-9]\d{0,8}$/.test(text) && Number(text) <= most
      ? Number(text)
      : refused(`A limit is a number from 1 to ${most}.`);

export const secondsFrom =
  (least: number, most: number): Parser<number> =>
  (text) =>
    /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most
      ? Number(text)
      : refused(`Write a number of seconds, ${least} to ${most}.`);

export const baseUrl: Parser<string> = (text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    return refused("An address is http or https, a host and a port, as http://localhost:8083.");
  return url.href.replace(/\/$/, "");
};

/** A comma-separated list. The console's own check applies to each part. */
const listBy =
  <T>(schema: z.ZodType<T>, expected: string): Parser<T> =>
  (text) => {
    const result = schema.safeParse(text.split(","));
    return result.success ? result.data : refused(expected);
  };

export const keyScopes = listBy(
  rowSchemas.key.shape.scopes,
  "Scopes of a key are publish, read, operate and consume, with commas between.",
);
const clientList = listBy(patterns, "Write ids of clients, or beginnings with * after them: u1,shop-*");
/** An empty text is no client. */
export const clientPatterns: Parser<string[]> = (text) => (text === "" ? [] : clientList(text));
export const targetPatterns = listBy(
  targets,
  "Write targets, or beginnings with * after them: queue/changes,group/*; or * alone.",
);
export const target = fitting(
  (text) => targetForm.safeParse(text).success,
  "A target is a queue, a group or an exchange: queue/changes.",
);
const eventList = listBy(
  inboxSetting.shape.events,
  "Write at most 50 events, or beginnings with .* after them: order.paid,alert.*; or * for all, none for no inboxes, or default.",
);
/** `none` turns the inboxes off, `default` leaves them to the couriers' settings. */
export const inboxEvents: Parser<string[] | "default"> = (text) => {
  if (text === "none") return [];
  return text === "default" ? text : eventList(text);
};
export const grantSubjects = listBy(subjectPatterns, "Write subjects, or beginnings with * after them: u1,shop-*");

export const words: Parser<string[]> = (text) =>
  text.split(",").every((word) => word !== "")
    ? text.split(",")
    : refused("A list has commas between its parts, and no empty part.");

export const keyName = fitting(
  (text) => text.length >= 1 && text.length <= 100,
  "A key's name has 1 to 100 characters.",
);

/** `none` clears them. */
export const origins: Parser<string[]> = (text) => {
  if (text === "none") return [];
  const list = text.split(",");
  return list.every((origin) => origin.length <= 300 && isOrigin(origin)) && list.length <= 50
    ? list
    : refused("Write at most 50 origins without a path, as https://app.example.com,http://localhost:5173; or none.");
};

/** `rate=100,weight=3`; `none` clears them. */
export const limits: Parser<Record<string, number>> = (text) => {
  if (text === "none") return {};
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [name = "", value = "", ...rest] = pair.split("=");
      if (
        !LIMITS.includes(name) ||
        rest.length > 0 ||
        value === "" ||
        !(Number(value) >= 0 && Number.isFinite(Number(value)))
      )
        return refused(
          `${JSON.stringify(pair)} is not a limit. Write LIMIT=NUMBER; limits are ${LIMITS.join(", ")}; or none.`,
        );
      return [name, Number(value)];
    }),
  );
};

export const messageId = fitting(
  (text) => /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text),
  "An id is a UUID, as 0190a3f2-7d52-7a31-9a44-1d8a3c9c1f10.",
);

/** `instance` of a problem. */
export const refusalId: Parser<string> = (text) => messageId(text.replace(/^urn:uuid:/i, ""));

/** Checks only the form, because the tag at its end belongs to the client. */
export const cursor = fitting(
  (text) => /^[0-9a-f]{25}$/.test(text),
  "A cursor has 25 digits and letters a to f. The list shows it.",
);

export const queueTarget = fitting(
  (text) => text.startsWith("queue/") && NAME_FORM.test(text.slice(6)),
  "Write the queue as queue/jobs.",
);

const DEAD_LETTER = /^\d{1,9}-\d{1,15}$/;

export const deadLetterId = fitting(
  (text) => DEAD_LETTER.test(text),
  "A dead letter's id is PARTITION-OFFSET, as 0-17. The list shows it.",
);

export const deadLetterPosition = fitting(
  (text) => text === "start" || DEAD_LETTER.test(text),
  "Write the id of a dead letter, as 0-17, or start.",
);

export const origin = fitting(isOrigin, "An origin has no path, as https://app.example.com.");

export const scopes = listBy(z.array(z.enum(SCOPES)).min(1), `Scopes are ${SCOPES.join(", ")}, with commas between.`);

export const algorithms = listBy(
  rowSchemas.issuer.shape.algorithms,
  `Algorithms are ${[...ALGORITHMS, SHARED_ALGORITHM].join(", ")}, with commas between.`,
);
