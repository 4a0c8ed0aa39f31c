import { HELD, reasonIn, STORED } from "./reasons.ts";
import { capital, sentenceOf } from "./sentences.ts";
import type { PresentState, Rule } from "./state-rule.ts";
import { nameOf, timeOf } from "./told-events.ts";
import type { EventOf, KnownFacts } from "./known-facts.ts";

/** Rules for a notification on its way. */

export const notWritten: Rule = (known) => {
  const event = known.last("cancelled", "skipped");
  if (event) return { name: event.kind, since: event.at, sentence: sentenceOf(event) };
  const { publication: row } = known.facts;
  if (row?.state !== "cancelled" && row?.state !== "skipped") return undefined;
  const why = row.reason === undefined ? "" : `: ${row.reason}`;
  const sentence =
    row.state === "cancelled"
      ? `It was cancelled. ${row.written} of its notifications were written before.`
      : `It goes to no recipient${why}.`;
  return { name: row.state, sentence, ...(row.ended !== undefined && { since: row.ended }) };
};

export const refused: Rule = (known) => {
  const event = known.last("refused");
  if (!event || known.last("accepted")) return undefined;
  return { name: "refused", since: event.at, sentence: sentenceOf(event) };
};

export const stored: Rule = (known) => {
  const { stored: row } = known.facts;
  if (!row) return undefined;
  const event = known.last("stored");
  const took = known.last("sent", "delivered", "replayed", "claimed");
  if (took && known.isLater(took, event)) return onItsWay(known, took);
  const since = event?.at ?? row.since;
  const why = event ? reasonIn(STORED, event.detail.why) : "no reason is recorded";
  const ends = row.expires === undefined ? "" : ` Its time to live ends at ${timeOf(row.expires)}.`;
  return {
    name: "stored",
    since,
    sentence: `It is stored for ${nameOf(row.client)} since ${timeOf(since)}: ${why}. The next connection gets it.${ends}`,
  };
};

type Way = EventOf<
  "held" | "sent" | "delivered" | "dropped" | "retried" | "deferred" | "stored" | "replayed" | "claimed"
>;

/** A service that is killed loses its last events, so it can have gone on. */
const LATER = "Nothing later is recorded yet.";

/** The last step that is recorded. */
export const underWay: Rule = (known) => {
  const event = known.last(
    "held",
    "sent",
    "delivered",
    "dropped",
    "retried",
    "deferred",
    "stored",
    "replayed",
    "claimed",
  );
  return event && onItsWay(known, event);
};

function onItsWay(known: KnownFacts, event: Way): PresentState {
  const { at: since, client } = event;
  const when = timeOf(since);
  const who = capital(nameOf(client));
  switch (event.kind) {
    case "held":
      return {
        name: "held",
        since,
        sentence: `It waited in memory at ${when}: ${reasonIn(HELD, event.detail.why)}. ${LATER}`,
      };
    case "dropped":
    case "retried":
      return {
        name: "held",
        since,
        sentence: `${sentenceOf(event)} That was at ${when}, and then it waited to be sent again or stored. ${LATER}`,
      };
    case "deferred":
      return { name: "held", since, sentence: `${sentenceOf(event)} ${LATER}` };
    case "sent":
      return {
        name: "sent",
        since,
        sentence: `It was sent to the connection ${event.detail.connection} at ${when}. No acknowledgement is recorded yet.`,
      };
    case "claimed":
      return {
        name: "sent",
        since,
        sentence: `A consumer of ${nameOf(client)} claimed it at ${when}, and has not confirmed it yet.`,
      };
    case "delivered":
    case "replayed": {
      const over = known.transportOf(event.detail.connection);
      const kept = known.facts.stored ? " It stays stored until then." : "";
      return {
        name: "sent",
        since,
        sentence: `${who} got it at ${when} over ${over}. No acknowledgement is recorded yet.${kept}`,
      };
    }
    case "stored":
      return storedBefore(known, event);
  }
}

/** There is no row, or none was looked for. */
function storedBefore({ facts }: KnownFacts, { at: since, client, detail }: EventOf<"stored">): PresentState {
  const what = `It was stored for ${nameOf(client)} at ${timeOf(since)}, because ${reasonIn(STORED, detail.why)}.`;
  return facts.searched
    ? { name: "unknown", since, sentence: `${what} It is no longer stored, and no recorded event says how it ended.` }
    : { name: "stored", since, sentence: what };
}

export const waiting: Rule = (known) => {
  const { publication: row, now } = known.facts;
  const due =
    (row?.state === "waiting" ? row.due : undefined) ??
    known.last("scheduled")?.detail.due ??
    known.last("accepted")?.detail.due;
  if (due === undefined || (row && row.state !== "waiting") || known.last("fanned-out")) return undefined;
  if (row?.state !== "waiting" && due <= now) return undefined;
  return { name: "waiting", sentence: `It waits for ${timeOf(due)}.` };
};

export const publication: Rule = ({ facts: { publication: row } }) => {
  if (!row) return undefined;
  const counts = `${row.written} notifications are written for ${row.target}, and ${row.refused} were refused`;
  const each = "The notification of each recipient has an id of its own.";
  if (row.state === "done")
    return {
      name: "fanned-out",
      sentence: `It is done: ${counts}. ${each}`,
      ...(row.ended !== undefined && { since: row.ended }),
    };
  const what = row.state === "cancelling" ? "It is being cancelled" : "It is being written";
  return { name: "fanned-out", sentence: `${what}: so far ${counts}. ${each}` };
};

export const fannedOut: Rule = (known) => {
  const event = known.last("fanned-out");
  return event && { name: "fanned-out", since: event.at, sentence: sentenceOf(event) };
};

/** Nothing after the beginning is recorded. */
export const begun: Rule = (known) => {
  const redriven = known.last("redriven");
  if (redriven)
    return { name: "accepted", since: redriven.at, sentence: `${sentenceOf(redriven)} Nothing later is recorded.` };
  const event = known.last("accepted");
  if (event) {
    const sentence = `It was accepted at ${timeOf(event.at)}. Nothing later is recorded yet.`;
    return { name: "accepted", since: event.at, sentence };
  }
  const { inbox } = known.facts;
  if (inbox) {
    const sentence = `It was accepted at ${timeOf(inbox.since)}, and is in the inbox of ${nameOf(inbox.client)}. The way to a connection is unknown.`;
    return { name: "accepted", since: inbox.since, sentence };
  }
  const repeated = known.last("repeated");
  return repeated && { name: "repeated", since: repeated.at, sentence: sentenceOf(repeated) };
};
