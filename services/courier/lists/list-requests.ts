import { problemOf } from "@saasaparilla/shared/http/problem.ts";
import { numberIn } from "@saasaparilla/shared/http/query-number.ts";
import { Refusal, wrongBody, wrongPath, wrongQuery } from "@saasaparilla/shared/http/refusal.ts";
import { problemResponse } from "@saasaparilla/shared/http/response.ts";
import type { Call } from "@saasaparilla/shared/http/routes.ts";
import {
  CLIENT_FORM,
  clientKey,
  CURSOR_FORM,
  cursorTag,
  fromCursor,
  TENANT_FORM,
  type ClientKey,
  type Sequence,
} from "@saasaparilla/shared/protocol/notification.ts";

const LIMIT = 50;
export const MOST_LISTED = 500;

/** The caller's own inbox. */
export function ownKey({ caller }: Call): ClientKey {
  return clientKey(caller.tenant, caller.subject);
}

/** Only operators of the platform may name another tenant than their own. */
export function askedTenant({ query }: Call["request"]): string | undefined {
  return query.get("tenant") ?? undefined;
}

/** The inbox that the path names, in the tenant that the query names, else in the caller's. */
export function namedKey({ caller, request, names: [client = ""] }: Call): ClientKey {
  const tenant = askedTenant(request) ?? caller.tenant;
  if (!TENANT_FORM.test(tenant)) throw new Refusal(wrongQuery("tenant", "the name of a tenant"));
  if (!CLIENT_FORM.test(client)) throw new Refusal(wrongPath("client"));
  return clientKey(tenant, client);
}

export function limitIn({ query }: Call["request"]): number {
  return numberIn(query, "limit", { least: 1, most: MOST_LISTED, otherwise: LIMIT });
}

/** `foreign`: records that the cursor is of another client. */
export function beforeIn({ query }: Call["request"], key: ClientKey, foreign: () => void): Sequence | undefined {
  const cursor = query.get("before");
  if (cursor === null) return undefined;
  if (!CURSOR_FORM.test(cursor)) throw new Refusal(wrongQuery("before", "the cursor of an item of this list"));
  return sequenceOf(cursor, key, foreign);
}

export function upToIn(cursor: string, key: ClientKey, foreign: () => void): Sequence {
  if (!CURSOR_FORM.test(cursor)) {
    const message = "it is not a cursor: send the cursor of a notification unchanged";
    throw new Refusal(wrongBody([{ path: ["upTo"], message }]));
  }
  return sequenceOf(cursor, key, foreign);
}

/** Such a cursor would mark notifications that do not exist yet. */
export function futureCursor(): Refusal {
  const message = "no notification has this cursor: send the cursor of a notification unchanged";
  return new Refusal(wrongBody([{ path: ["upTo"], message, params: { value: true } }]));
}

function sequenceOf(cursor: string, key: ClientKey, foreign: () => void): Sequence {
  const sequence = fromCursor(cursor, cursorTag(key));
  if (sequence !== undefined) return sequence;
  foreign();
  throw new Refusal(problemResponse(problemOf("cursor-forbidden")));
}
