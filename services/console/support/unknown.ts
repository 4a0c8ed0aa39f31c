import { ALWAYS_RECORDED } from "@saasaparilla/shared/timeline/events.ts";
import type { Facts, Gap } from "./facts.ts";
import { timeOf } from "./told-events.ts";

export interface UnknownParts {
  facts: Facts;
  gaps: readonly Gap[];
  /** The time that the timeline keeps its events. */
  days: number;
  /** The caller named a client or a queue, or the timeline did. */
  clientKnown: boolean;
}

/** What the answer cannot tell, in sentences. */
export function unknownOf({ facts, gaps, days, clientKnown }: UnknownParts): string[] {
  const { events, searched } = facts;
  const followed = events.some(({ kind }) => !ALWAYS_RECORDED.has(kind as never));
  return [
    ...(followed
      ? []
      : [
          `The timeline has no step of it on its usual way. Either it was not followed, or it is older than ${days} days. Only exceptions are recorded of a notification that is not followed.`,
        ]),
    ...(clientKnown
      ? []
      : [
          "Its client is unknown, so stored notifications and inboxes were not searched. Name the client to search them.",
        ]),
    ...(clientKnown && !searched
      ? ["Its client has more stored notifications than were searched. It may be stored behind those."]
      : []),
    ...gaps.map(
      ({ service, instance, from, to, count }) =>
        `${count} events of the ${service} ${instance} are missing between ${timeOf(from)} and ${timeOf(to)}. Some may be about this notification.`,
    ),
  ];
}
