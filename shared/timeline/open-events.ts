import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { KafkaLink } from "#kafka/client.ts";
import { topicsOf } from "#kafka/topic-names.ts";
import type { Lifecycle } from "#runtime/lifecycle.ts";
import type { Log } from "#runtime/log.ts";
import type { Registry } from "#runtime/metrics.ts";
import { EventLog } from "./event-log.ts";

export const timelineSettings = z.object({
  TIMELINE_MAX_BYTES: z.coerce
    .number()
    .int()
    .min(1)
    .default(8 << 20)
    .meta({
      description:
        "Bytes of the timeline's events that wait for Kafka in this process. Above it they are dropped and counted, and the timeline shows a gap.",
    }),
});

export interface OpenEventsParts {
  service: string;
  settings: z.output<typeof timelineSettings> & { NAMESPACE: string };
  link: KafkaLink;
  lifecycle: Lifecycle;
  registry: Registry;
  log: Log;
}

/** The event log of a service. Nothing waits for it. */
export function openEvents({ service, settings, link, lifecycle, registry, log }: OpenEventsParts): EventLog {
  const events = new EventLog({
    service,
    instance: randomUUID(),
    link,
    topic: topicsOf(settings.NAMESPACE).events,
    maxBytes: settings.TIMELINE_MAX_BYTES,
    registry,
    log,
  });
  lifecycle.onEnd("timeline", () => events.close());
  events.start().catch((error: unknown) => lifecycle.fatal(error));
  return events;
}
