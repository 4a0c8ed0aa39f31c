import type { EventKind } from "@saasaparilla/shared/timeline/events.ts";
import { EXPIRED, FOLLOWED, HELD, reasonIn, STORED, TRANSPORTS } from "./reasons.ts";
import { isKnown, nameOf, timeOf, type KnownEvent, type StoredEvent } from "./told-events.ts";

type Of<K extends EventKind> = Extract<KnownEvent, { kind: K }>;

/** One sentence for each kind of event. The compiler finds a missing kind. */
const SENTENCES: { [K in EventKind]: (event: Of<K>) => string } = {
  accepted: ({ detail: { publisher, why, due, delay, target } }) => {
    const to = target === undefined ? "" : ` for ${target}`;
    const later =
      due !== undefined ? `, for ${timeOf(due)}` : delay !== undefined ? `, with a delay of ${delay} s` : "";
    return `${publisher} published it${to}${later}. It is followed because ${reasonIn(FOLLOWED, why)}.`;
  },
  repeated: ({ detail: { publisher } }) =>
    `${publisher ?? "A service"} sent it again. The first one counts, so the repeat was dropped.`,
  refused: ({ detail: { problem, why, status } }) =>
    `The request was refused: ${problem}${status === undefined ? "" : ` (${status})`}${why === undefined ? "" : `, ${why}`}.`,
  scheduled: ({ detail: { due } }) => `It waits for ${timeOf(due)}.`,
  "fanned-out": ({ detail }) =>
    "publication" in detail
      ? `It was written as a part of the publication ${detail.publication} to ${detail.target}.`
      : `It was written for ${detail.written} recipients of ${detail.target}, and ${detail.refused} were refused.`,
  skipped: ({ detail: { why } }) => `It goes to no recipient: ${why}.`,
  cancelled: ({ detail: { by } }) => `${by} cancelled it.`,
  held: ({ detail: { why } }) => `It waits in memory: ${reasonIn(HELD, why)}.`,
  sent: ({ detail: { connection } }) => `It was sent to the connection ${connection}.`,
  retried: ({ detail: { connection, why } }) =>
    `The connection ${connection} did not take it (${why}). It is sent again.`,
  deferred: ({ detail: { why } }) =>
    why === "away"
      ? "Postgres was away, so it waits in Kafka."
      : "Its tenant stores a lot, so it waits in Kafka for its turn.",
  stored: ({ client, detail: { why } }) => `It was stored for ${nameOf(client)}, because ${reasonIn(STORED, why)}.`,
  replaced: () => "A later notification with the same collapse key took its place.",
  retracted: () => "Its publisher took it back.",
  expired: ({ detail: { where } }) => `Its time to live ended ${reasonIn(EXPIRED, where)}.`,
  undeliverable: ({ detail: { why } }) => `Postgres refuses its data for good: ${why}.`,
  "dead-lettered": ({ detail: { why } }) => `It became a dead letter, which waits for an operator: ${why}.`,
  redriven: () => "An operator sent the dead letter again.",
  delivered: ({ detail: { connection, transport } }) =>
    `The connection ${connection} took it, over ${reasonIn(TRANSPORTS, transport)}.`,
  replayed: ({ detail: { connection, transport } }) =>
    `The connection ${connection} took it from what was stored, over ${reasonIn(TRANSPORTS, transport)}.`,
  dropped: ({ detail: { connection, why } }) => `The connection ${connection} ended before it took it: ${why}.`,
  acknowledged: ({ client, detail: { how, connection } }) =>
    how === "connection" && connection !== undefined
      ? `${capital(nameOf(client))} acknowledged it on the connection ${connection}.`
      : `${capital(nameOf(client))} acknowledged it, by a request or with the cursor of a later connection.`,
  claimed: ({ detail: { attempt } }) => `A consumer claimed it. It is attempt ${attempt}.`,
  confirmed: () => "A consumer confirmed it.",
  quarantined: ({ detail: { queue, why } }) => `The queue ${queue} moved it to quarantine: ${why}.`,
  listed: ({ client }) => `It is in the inbox of ${nameOf(client)}.`,
  seen: ({ client }) => `${capital(nameOf(client))} saw it in the inbox.`,
  read: ({ client }) => `${capital(nameOf(client))} read it in the inbox.`,
  archived: ({ client }) => `${capital(nameOf(client))} archived it in the inbox.`,
};

/** Without its time. */
export function sentenceOf(event: StoredEvent): string {
  if (!isKnown(event)) return `A newer version of the ${event.service} reports: ${event.kind}.`;
  return (SENTENCES[event.kind] as (event: KnownEvent) => string)(event);
}

export function capital(text: string): string {
  return text.startsWith("the ") || text.startsWith("its ") ? `${text[0]!.toUpperCase()}${text.slice(1)}` : text;
}
