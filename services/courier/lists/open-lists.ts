import type { Guard } from "@saasaparilla/shared/auth/guard.ts";
import type { InboxOf } from "@saasaparilla/shared/auth/policies/tenant-inbox.ts";
import type { Route } from "@saasaparilla/shared/http/routes.ts";
import type { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import type { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { Outcomes } from "@saasaparilla/shared/kafka/outcomes.ts";
import type { Topics } from "@saasaparilla/shared/kafka/topic-names.ts";
import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { KeyedLimiter } from "@saasaparilla/shared/rate-limits/keyed-limiter.ts";
import type { Presence } from "@saasaparilla/shared/redis/presence.ts";
import type { Events } from "@saasaparilla/shared/timeline/event-log.ts";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { CourierMetrics } from "#metrics.ts";
import { Inboxes } from "./inboxes.ts";
import { listRoutes } from "./list-routes.ts";
import { ListStore } from "./list-store.ts";
import { LiveConnections } from "./live-connections.ts";
import { MarkStore } from "./mark-store.ts";
import { ReadOutcomes } from "./read-outcomes.ts";

export interface OpenListsParts {
  settings: { NAMESPACE: string; CLIENT_RATE: number; CLIENT_BURST: number };
  postgres: Postgres;
  presence: Presence;
  kafka: Pick<KafkaLink, "present">;
  /** Repeats a failed send. */
  producer: BatchingProducer;
  topics: Pick<Topics, "accepted" | "routed">;
  format: () => number;
  guard: Pick<Guard, "ended">;
  inboxOf: InboxOf;
  weightOf: (tenant: string) => number;
  events: Events;
  metrics: CourierMetrics;
}

/** The lists of inboxes and their marks: the routes, and what the writer of items asks about marks. */
export function openLists(parts: OpenListsParts): { routes: Route[]; inserted: ReadOutcomes["inserted"] } {
  const { settings, postgres, topics, format, metrics } = parts;
  const lists = new ListStore(postgres, settings.NAMESPACE);
  const outcomes = new ReadOutcomes({ ...parts, outcomes: appender(parts), lists });
  const live = new LiveConnections({ ...parts, topic: topics.routed, format });
  const inboxes = new Inboxes({
    ...parts,
    lists,
    marks: new MarkStore(postgres, settings.NAMESPACE),
    outcomes,
    tell: (client, frame) => live.tell(client, frame),
  });
  const clients = new KeyedLimiter({ rate: settings.CLIENT_RATE, burst: settings.CLIENT_BURST });
  return {
    routes: listRoutes({ ...parts, inboxes, clients, metrics }),
    inserted: (items) => outcomes.inserted(items),
  };
}

function appender({ kafka, producer, topics, metrics }: OpenListsParts): Pick<Outcomes, "append"> {
  const topic = topics.accepted;
  let partitions = 0;
  const outcomes = new Outcomes({ producer, topic, partitions: () => partitions, wall: () => Date.now(), metrics });
  return {
    async append(ended) {
      if (partitions === 0) {
        const present = (await kafka.present([topic])).get(topic);
        if (present === undefined) throw new Failure("retry", `Kafka has no topic ${topic}.`);
        partitions = present;
      }
      await outcomes.append(ended);
    },
  };
}
