import type { PolicyStore } from "@saasaparilla/shared/auth/policies/store.ts";
import type { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import type { Redis } from "@saasaparilla/shared/redis/client.ts";
import { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { Presence } from "@saasaparilla/shared/redis/presence.ts";
import type { Lifecycle } from "@saasaparilla/shared/runtime/lifecycle.ts";
import type { Route } from "#api/routes.ts";
import { clientRoutes } from "./client-routes.ts";
import { Connections } from "./connections.ts";
import { deletionRoutes } from "./deletion-routes.ts";
import { DeletionStore } from "./deletion-store.ts";
import { KafkaSends } from "./kafka-sends.ts";
import { notificationRoutes } from "./notification-routes.ts";
import { refusalRoutes } from "./refusal-routes.ts";
import { SupportStore } from "./support-store.ts";
import { TimelineStore } from "./timeline-store.ts";
import { watchRoutes } from "./watch-routes.ts";

export interface OpenSupportParts {
  postgres: Postgres;
  redis: Redis;
  link: Pick<KafkaLink, "sender">;
  namespace: string;
  policyStore: PolicyStore;
  refresh: () => Promise<void>;
  format: () => number;
  lifecycle: Lifecycle;
}

/** The routes for support: what became of notifications and clients. */
export function openSupport(parts: OpenSupportParts): Route[] {
  const { postgres, redis, link, namespace, policyStore, refresh, format, lifecycle } = parts;
  const sends = new KafkaSends(link);
  lifecycle.onEnd("kafka producer", () => sends.close());
  const connections = new Connections({
    presence: new Presence(redis, new Keys(namespace)),
    send: (records) => sends.send(records),
    topic: topicsOf(namespace).routed,
    format,
  });
  const facts = {
    timeline: new TimelineStore(postgres, namespace),
    stores: new SupportStore(postgres, namespace),
    now: Date.now,
  };
  const watches = { policyStore, refresh, format, seconds: () => Math.floor(Date.now() / 1_000) };
  const deletions = new DeletionStore(postgres, namespace);
  return [
    ...notificationRoutes({ ...facts, policyStore }),
    ...refusalRoutes({ ...facts, policyStore }),
    ...clientRoutes({ ...facts, policyStore, connections }),
    ...watchRoutes(watches),
    ...deletionRoutes({ ...watches, deletions, namespace, clock: () => performance.now() }),
  ];
}
