import type { Guard } from "@saasaparilla/shared/auth/guard.ts";
import type { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import type { KafkaLink, Outgoing } from "@saasaparilla/shared/kafka/client.ts";
import { Outcomes } from "@saasaparilla/shared/kafka/outcomes.ts";
import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { Quarantine } from "@saasaparilla/shared/postgres/quarantine.ts";
import type { AppendOutcomes } from "@saasaparilla/shared/postgres/ending-transaction.ts";
import { queueDepths } from "@saasaparilla/shared/postgres/queue-depths.ts";
import { QueueEnds } from "@saasaparilla/shared/postgres/queue-ends.ts";
import { QueueStore } from "@saasaparilla/shared/postgres/queue-store.ts";
import type { ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { Events } from "@saasaparilla/shared/timeline/event-log.ts";
import type { Lifecycle } from "@saasaparilla/shared/runtime/lifecycle.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { DocumentOf } from "@saasaparilla/shared/dispatch/documents.ts";
import type { Route } from "@saasaparilla/shared/http/routes.ts";
import type { DispatcherMetrics } from "#metrics.ts";
import { changesRoutes } from "./changes-routes.ts";
import { quarantineRoutes } from "./quarantine-routes.ts";
import { queueRoutes } from "./queue-routes.ts";
import { QueueEvents } from "./queue-events.ts";
import { QueueGauges } from "./queue-gauges.ts";
import { QueueSweep } from "./queue-sweep.ts";
import { Queues } from "./queues.ts";

export interface OpenQueuesParts {
  postgres: Postgres;
  namespace: string;
  guard: Pick<Guard, "ended">;
  kafka: Pick<KafkaLink, "present">;
  /** Repeats a failed send. */
  producer: Pick<BatchingProducer, "add">;
  send: (records: Outgoing[]) => Promise<number[]>;
  /** The name of accepted. */
  topic: string;
  weightOf: (tenant: string) => number;
  documentOf: (queue: ClientKey) => DocumentOf<"queue"> | undefined;
  sweepMs: number;
  events: Events;
  metrics: DispatcherMetrics;
  lifecycle: Lifecycle;
  log: Log;
}

/** The queues of a dispatcher: their routes, and the sweep of rows that are left. */
export function openQueues(parts: OpenQueuesParts): Route[] {
  const { postgres, namespace, metrics, lifecycle, log } = parts;
  const store = new QueueStore(postgres, namespace);
  const quarantine = new Quarantine(postgres, namespace);
  const timeline = new QueueEvents({ store, quarantine, events: parts.events, log });
  const ends = new QueueEnds(postgres, namespace, appender(parts));
  const queues = new Queues({ ...parts, store, ends, timeline });
  const sweep = new QueueSweep({ store, quarantine, metrics, log });
  const gauges = new QueueGauges({ depths: (after) => queueDepths(postgres, namespace, after), metrics, log });
  const sweeps = setInterval(() => {
    void sweep.look();
    void gauges.look();
  }, parts.sweepMs);
  lifecycle.onEnd("queues", async () => {
    clearInterval(sweeps);
    queues.end();
    await sweep.end();
  });
  return [...queueRoutes(queues), ...changesRoutes(queues), ...quarantineRoutes({ ...parts, quarantine })];
}

function appender({ kafka, producer, topic, metrics }: OpenQueuesParts): AppendOutcomes {
  let partitions = 0;
  const outcomes = new Outcomes({ producer, topic, partitions: () => partitions, wall: () => Date.now(), metrics });
  return async (ended) => {
    const present = (await kafka.present([topic])).get(topic);
    if (present === undefined) throw new Failure("retry", `Kafka has no topic ${topic}.`);
    partitions = present;
    await Promise.all(ended.map((one) => outcomes.append(one)));
  };
}
