import { z } from "zod";
import type { Facts, Gap } from "./facts.ts";
import { STATES, type PresentState } from "./state-rule.ts";
import { sentenceOf } from "./sentences.ts";
import type { StoredEvent } from "./told-events.ts";

const time = z.iso.datetime();
const count = z.int();

export const stateSchema = z
  .strictObject({
    name: z.enum(STATES),
    sentence: z.string().meta({ description: "For a support person." }),
    since: time.optional().meta({ description: "By the clock of the service that reported it." }),
  })
  .meta({ description: "The present state." });

export const eventSchema = z.strictObject({
  at: time.meta({ description: "By the clock of the service. Clocks differ a little." }),
  service: z.string(),
  instance: z.string(),
  client: z
    .string()
    .optional()
    .meta({ description: "The client, or a queue's name in braces. Absent for a publication to many." }),
  kind: z.string(),
  detail: z.looseObject({}),
  sentence: z.string(),
});

export const gapSchema = z.strictObject({
  service: z.string(),
  instance: z.string(),
  from: time,
  to: time,
  count: count.meta({ description: "Missing events of this process. They may be about any notification." }),
});

export const storesSchema = {
  stored: z.strictObject({ client: z.string(), since: time, expires: time.optional() }).optional(),
  publication: z
    .strictObject({
      state: z.enum(["waiting", "running", "cancelling", "done", "cancelled", "skipped"]),
      target: z.string(),
      due: time,
      ended: time.optional(),
      written: count,
      refused: count,
      reason: z.string().optional(),
    })
    .optional(),
  quarantined: z.strictObject({ queue: z.string(), reason: z.string(), at: time }).optional(),
  inbox: z
    .strictObject({ client: z.string(), since: time, mark: z.enum(["none", "seen", "read", "archived"]) })
    .optional(),
};

export const iso = (ms: number): string => new Date(ms).toISOString();

/** The same members, with times for people. */
function withTimes<T extends object>(value: T | undefined, ...times: (keyof T)[]): object | undefined {
  return (
    value &&
    Object.fromEntries(
      Object.entries(value).map(([name, member]) => [
        name,
        times.includes(name as keyof T) ? iso(member as number) : member,
      ]),
    )
  );
}

export const stateJson = (state: PresentState): object => withTimes(state, "since")!;

export const gapJson = (gap: Gap): object => withTimes(gap, "from", "to")!;

export function eventJson(event: StoredEvent): object {
  const { at, service, instance, client, kind, detail } = event;
  return {
    at: iso(at),
    service,
    instance,
    ...(client !== "" && { client }),
    kind,
    detail,
    sentence: sentenceOf(event),
  };
}

export function storesJson({ stored, publication, quarantined, inbox }: Facts): object {
  return {
    stored: withTimes(stored, "since", "expires"),
    publication: withTimes(publication, "due", "ended"),
    quarantined: withTimes(quarantined, "at"),
    inbox: withTimes(inbox, "since"),
  };
}
