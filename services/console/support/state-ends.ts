import { EXPIRED, reasonIn } from "./reasons.ts";
import { capital } from "./sentences.ts";
import type { KnownFacts } from "./known-facts.ts";
import type { Rule } from "./state-rule.ts";
import { nameOf, timeOf } from "./told-events.ts";

/** Rules for the ends of a notification. */

export const read: Rule = (known) => {
  const { inbox, stored } = known.facts;
  const event = known.last("read", "archived");
  const mark = event?.kind ?? inbox?.mark;
  if (mark !== "read" && mark !== "archived") return undefined;
  const who = capital(nameOf(event?.client ?? inbox!.client));
  const when = event ? ` at ${timeOf(event.at)}` : "";
  const also = stored ? " It is also still stored for the next connection." : "";
  return { name: "read", sentence: `${who} ${mark} it in the inbox${when}.${also}`, ...(event && { since: event.at }) };
};

export const acknowledged: Rule = (known) => {
  const event = known.last("acknowledged", "confirmed");
  if (!event || passedOver(known)) return undefined;
  const { at: since, client } = event;
  const when = timeOf(since);
  if (event.kind === "confirmed")
    return { name: "acknowledged", since, sentence: `A consumer of ${nameOf(client)} confirmed it at ${when}.` };
  const transport = known.transportOf(event.detail.connection);
  const over = transport === undefined ? "" : ` over ${transport}`;
  return { name: "acknowledged", since, sentence: `${capital(nameOf(client))} acknowledged it at ${when}${over}.` };
};

/**
 * An acknowledgement covers everything before it, also what ended before a connection took it. A director that takes over
 * does not know of such an end.
 */
function passedOver(known: KnownFacts): boolean {
  return known.last("expired", "retracted", "replaced") !== undefined && !known.last("delivered", "replayed");
}

export const withdrawn: Rule = (known) => {
  const event = known.last("retracted", "replaced");
  if (!event) return undefined;
  const { at: since, kind: name } = event;
  const sentence =
    name === "retracted"
      ? `Its publisher took it back at ${timeOf(since)}.`
      : `A later notification with the same collapse key took its place at ${timeOf(since)}.`;
  return { name, since, sentence };
};

export const expired: Rule = (known) => {
  const event = known.last("expired");
  if (event) {
    const where = reasonIn(EXPIRED, event.detail.where);
    return { name: "expired", since: event.at, sentence: `Its time to live ended at ${timeOf(event.at)}, ${where}.` };
  }
  const { stored, now } = known.facts;
  if (stored?.expires === undefined || stored.expires > now) return undefined;
  const sentence = `Its time to live ended at ${timeOf(stored.expires)}, while it was stored.`;
  return { name: "expired", since: stored.expires, sentence };
};

export const quarantined: Rule = ({ facts: { quarantined: found } }) =>
  found && {
    name: "quarantined",
    since: found.at,
    sentence: `It is in quarantine since ${timeOf(found.at)}: ${found.reason}. An operator can send it to ${found.queue} again.`,
  };

/** Each redrive sends one dead letter again. */
export const deadLettered: Rule = (known) => {
  const refused = known.last("undeliverable");
  if (refused)
    return {
      name: "undeliverable",
      since: refused.at,
      sentence: `Postgres refuses its data for good: ${refused.detail.why}.`,
    };
  const letter = known.last("dead-lettered");
  if (!letter || known.count("redriven") >= known.count("dead-lettered")) return undefined;
  return {
    name: "dead-lettered",
    since: letter.at,
    sentence: `It is a dead letter since ${timeOf(letter.at)}, and waits for an operator: ${letter.detail.why}.`,
  };
};
