import { RETENTION } from "@saasaparilla/shared/kafka/topic-retention.ts";
import { topicsOf, type Topics } from "@saasaparilla/shared/kafka/topic-names.ts";
import { z } from "zod";
import { iso } from "./notification-json.ts";

export const remainsSchema = z
  .array(
    z.strictObject({
      where: z.string().meta({ description: "The topic in Kafka, or Redis." }),
      what: z.string(),
      until: z.iso.datetime().meta({ description: "The latest time, with the retention that provision sets." }),
    }),
  )
  .meta({ description: "Places that cannot delete single records, and when each record is gone." });

/** Control has only names. The two topics of minutes are transport. */
const WHAT: Record<keyof typeof RETENTION, string> = {
  accepted: "notifications, settled or not",
  deferred: "notifications that waited for Postgres",
  dispatch: "publications to groups, to exchanges, and for later",
  routed: "notifications on their way to connections",
  control: "acknowledgements, with the name of the client",
  deadLetters: "dead letters",
  audit: "requests of operators and refused requests, with names and addresses",
  events: "events for the timeline",
};

/** An entry lives so long without a new registration (redis/presence.ts). */
const PRESENCE_MS = 1_800_000;

/** What a deletion does not reach. */
export function remainsAfter(namespace: string, now: number): z.output<typeof remainsSchema> {
  const topics = topicsOf(namespace);
  return [
    ...Object.entries(WHAT).map(([name, what]) => {
      const { retentionMs, segmentMs } = RETENTION[name as keyof typeof RETENTION];
      return { where: topics[name as keyof Topics], what, until: iso(now + retentionMs + segmentMs) };
    }),
    { where: "Redis", what: "the addresses of connections", until: iso(now + PRESENCE_MS) },
  ];
}
