import { numberIn } from "@saasaparilla/shared/http/query-number.ts";
import { subjectProblem } from "@saasaparilla/shared/auth/subject.ts";
import { ALWAYS_RECORDED, EVENT_KINDS, type EventKind } from "@saasaparilla/shared/timeline/events.ts";
import { Refusal, wrongQuery } from "#api/responses.ts";
import { recipientIn } from "./support-parts.ts";
import type { ListQuery, Place } from "./timeline-store.ts";

const LIMIT = 50;
const MOST = 200;
export const LIST_LIMITS = { least: 1, most: MOST, otherwise: LIMIT };
const CURSOR_FORM = /^(\d{1,14})-(\d{1,6})-(\d{1,16})-(\d{1,7})$/;

export const LIST_QUERY = {
  client: "Only events of this client.",
  queue: "Only events of this queue. It excludes `client`.",
  publisher: "Only notifications of this publisher. It excludes `client`, `queue` and `kind`.",
  kind: "Only events of this kind. Without a client: accepted, refused, expired, retracted, undeliverable, dead-lettered or quarantined. The default is accepted. With a client, the default is the newest event of each notification.",
  before: "`next` of the previous page.",
  limit: `The largest number of entries to return, 1 to ${MOST}. The default is ${LIMIT}.`,
};

/** Each combination that is allowed has an index. */
export function listQueryOf(tenant: string, query: URLSearchParams): ListQuery {
  const client = recipientIn(query);
  const publisher = query.get("publisher") ?? undefined;
  const kind = kindIn(query);
  if (publisher !== undefined) {
    const problem = subjectProblem(publisher);
    if (problem !== undefined) throw new Refusal(wrongQuery("publisher", "the name of a publisher"));
    if (client !== undefined || (kind !== undefined && kind !== "accepted"))
      throw new Refusal(wrongQuery("publisher", "alone: only its publisher's accepted notifications can be listed"));
  }
  if (client === undefined && kind !== undefined && kind !== "accepted" && !ALWAYS_RECORDED.has(kind))
    throw new Refusal(
      wrongQuery("kind", `accepted, ${[...ALWAYS_RECORDED].join(", ")}, or any kind together with a client or a queue`),
    );
  return {
    tenant,
    client,
    publisher,
    kind: kind ?? (client === undefined ? "accepted" : undefined),
    before: placeIn(query),
    limit: numberIn(query, "limit", LIST_LIMITS),
  };
}

function kindIn(query: URLSearchParams): EventKind | undefined {
  const kind = query.get("kind");
  if (kind === null) return undefined;
  const known = EVENT_KINDS.find((one) => one === kind);
  if (known === undefined) throw new Refusal(wrongQuery("kind", `one of ${EVENT_KINDS.join(", ")}`));
  return known;
}

export function cursorOf({ at, partition, offset, item }: Place): string {
  return `${at}-${partition}-${offset}-${item}`;
}

export function placeIn(query: URLSearchParams): Place | undefined {
  const text = query.get("before");
  if (text === null) return undefined;
  const [, at, partition, offset, item] = CURSOR_FORM.exec(text) ?? [];
  if (at === undefined) throw new Refusal(wrongQuery("before", "`next` of the previous page, unchanged"));
  return { at: Number(at), partition: Number(partition), offset: Number(offset), item: Number(item) };
}
