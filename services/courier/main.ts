import { serveDocs } from "@saasaparilla/shared/http/openapi/pages.ts";
import { serveRoutes } from "@saasaparilla/shared/http/routes.ts";
import { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import { connectRedis } from "@saasaparilla/shared/redis/client.ts";
import { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { Presence } from "@saasaparilla/shared/redis/presence.ts";
import { openAccessControl } from "@saasaparilla/shared/auth/access-control.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { HttpServer } from "@saasaparilla/shared/http/server.ts";
import { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { Lifecycle } from "@saasaparilla/shared/runtime/lifecycle.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { createRegistry } from "@saasaparilla/shared/runtime/metrics.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { openTracing } from "@saasaparilla/shared/tracing/open-tracing.ts";
import { loadSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { tenantInboxes } from "@saasaparilla/shared/auth/policies/tenant-inbox.ts";
import { openEvents } from "@saasaparilla/shared/timeline/open-events.ts";
import { tenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { watchEpoch } from "@saasaparilla/shared/kafka/epoch-watch.ts";
import { openapi } from "#api/openapi.ts";
import { openLists } from "#lists/open-lists.ts";
import { listsApi } from "#lists/openapi.ts";
import { openInbox } from "#inbox/open-inbox.ts";
import { createMetrics } from "./metrics.ts";
import { courierSettings } from "./settings.ts";

const settings = loadSettings(courierSettings);
const log = createLog("courier", settings.LOG_LEVEL);
const lifecycle = new Lifecycle(log, settings.SHUTDOWN_MS);
const health = new Health(["kafka", "postgres", "access", "epoch", "partitions"]);
const topics = topicsOf(settings.NAMESPACE);
const registry = createRegistry("courier");
await openTracing({ service: "courier", settings, lifecycle, registry, log });
const metrics = createMetrics(registry);

const server = new HttpServer({ health, registry, log, settings });
serveDocs(server, openapi([listsApi]));
const port = await server.listen(settings.HOST, settings.PORT);
lifecycle.onEnd("http", () => server.close());
log.info({ port }, "listening");

const postgres = connectPostgres(settings.DATABASE_URL, { service: "courier", log, health });
lifecycle.onEnd("postgres", () => postgres.close());
// Startup does not wait for Postgres. Records wait in accepted while Postgres is away.
void postgres.reached();
// Redis only names the connections that hear of a mark, and no request waits for it.
const redis = connectRedis(settings, log, new Health([]));
lifecycle.onEnd("redis", () => redis.disconnect());
const kafka = new KafkaLink(settings, "courier", log, health);
const parts = { service: "courier", settings, postgres, redis, link: kafka, lifecycle, health, registry, log };
const { policies, guard, format } = await openAccessControl(parts);
server.cors.follow(policies);
const events = openEvents(parts);
server.onExposed = (request) => guard.turnAway("its token is in its query", "subscribe", request);
const inboxOf = tenantInboxes(policies, settings);
const limitsOf = tenantLimits(policies, settings);
const { epoch, reader: epochs } = await watchEpoch({
  kafka,
  topics,
  health,
  fatal: (error) => lifecycle.fatal(error),
});
lifecycle.onEnd("epoch", () => epochs.stop());

const sender = await kafka.sender();
lifecycle.onEnd("kafka producer", () => sender.close());
const producer = new BatchingProducer({
  send: (records) => sender.send(records),
  maxPackBytes: 256 << 10,
  maxSendBytes: 1 << 20,
  onFailure: "retry",
  failed(error) {
    metrics.failed("kafka");
    log.debug({ err: error }, "a send to Kafka failed and is repeated");
  },
});
lifecycle.onEnd("frames and outcomes", () => producer.drained());
const { routes, inserted } = openLists({
  settings,
  postgres,
  presence: new Presence(redis, new Keys(settings.NAMESPACE)),
  kafka,
  producer,
  epoch,
  topics,
  format: () => format.present,
  guard,
  inboxOf,
  weightOf: (tenant) => limitsOf(tenant).weight,
  events,
  metrics,
});
serveRoutes(server, routes, {
  admit: ({ scope, ...about }, token, request) => guard.pass(token, scope, request, about),
  // Those that call a store count its failures.
  failed: () => undefined,
  registry,
  log,
});
log.info({ routes: server.routes }, "API ready");

openInbox({
  settings,
  postgres,
  kafka,
  topic: topics.accepted,
  epoch: epoch.epoch,
  tenants: () => (policies.loaded ? policies.tenantNames() : undefined),
  inboxOf,
  weightOf: (tenant) => limitsOf(tenant).weight,
  events,
  inserted,
  lifecycle,
  health,
  metrics,
  log,
});
