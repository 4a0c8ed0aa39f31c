import { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import { serveDocs } from "@saasaparilla/shared/http/openapi/pages.ts";
import { openAccessControl } from "@saasaparilla/shared/auth/access-control.ts";
import { ConsumerLag, LAG_MS } from "@saasaparilla/shared/kafka/consumer-lag.ts";
import { DeadLetters } from "@saasaparilla/shared/kafka/dead-letters.ts";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { openDocuments } from "@saasaparilla/shared/dispatch/open-documents.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { HttpServer } from "@saasaparilla/shared/http/server.ts";
import { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { Lifecycle } from "@saasaparilla/shared/runtime/lifecycle.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { createRegistry } from "@saasaparilla/shared/runtime/metrics.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { connectRedis } from "@saasaparilla/shared/redis/client.ts";
import { openTracing } from "@saasaparilla/shared/tracing/open-tracing.ts";
import { loadSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { dispatcherGroup, topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { queueOf, tenantOf } from "@saasaparilla/shared/protocol/notification.ts";
import { tenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { openEvents } from "@saasaparilla/shared/timeline/open-events.ts";
import { openapi } from "#api/openapi.ts";
import { serveRoutes } from "@saasaparilla/shared/http/routes.ts";
import { DispatchConsumer } from "#publications/consumer.ts";
import { openPublications } from "#publications/open-publications.ts";
import { publicationsApi } from "#publications/openapi.ts";
import { openQueues } from "#queues/open-queues.ts";
import { queuesApi } from "#queues/openapi.ts";
import { createMetrics } from "./metrics.ts";
import { dispatcherSettings } from "./settings.ts";

/** ms between two sends to Kafka: a send costs about the same, whatever its size. */
const SEND_MS = 50;

const settings = loadSettings(dispatcherSettings);
const log = createLog("dispatcher", settings.LOG_LEVEL);
const lifecycle = new Lifecycle(log, settings.SHUTDOWN_MS);
const health = new Health(["kafka", "postgres", "partitions", "access", "documents"]);
const registry = createRegistry("dispatcher");
await openTracing({ service: "dispatcher", settings, lifecycle, registry, log });
const topics = topicsOf(settings.NAMESPACE);
const metrics = createMetrics(registry);

const server = new HttpServer({ health, registry, log, settings });
serveDocs(server, openapi([queuesApi, publicationsApi]));
const port = await server.listen(settings.HOST, settings.PORT);
lifecycle.onEnd("http", () => server.close());
log.info({ port }, "listening");

const postgres = connectPostgres(settings.DATABASE_URL, { service: "dispatcher", log, health });
lifecycle.onEnd("postgres", () => postgres.close());
// Startup does not wait for Postgres. Records wait in dispatch while Postgres is away.
void postgres.reached();
// Redis only counts rates, and nothing here waits for it.
const redis = connectRedis(settings, log, new Health([]));
lifecycle.onEnd("redis", () => redis.disconnect());
const kafka = new KafkaLink(settings, "dispatcher", log, health);
const parts = { service: "dispatcher", settings, postgres, redis, link: kafka, lifecycle, health, registry, log };
const { policies, guard, format } = await openAccessControl(parts);
const events = openEvents(parts);
const documents = openDocuments(parts);
server.cors.follow(policies);
server.onExposed = (request) => guard.turnAway("its token is in its query", "consume", request);
const limitsOf = tenantLimits(policies, settings);

const sender = await kafka.sender();
lifecycle.onEnd("kafka producer", () => sender.close());
const producer = new BatchingProducer({
  send: (records) => sender.send(records),
  paceMs: SEND_MS,
  maxPackBytes: 256 << 10,
  maxSendBytes: 1 << 20,
  onFailure: "retry",
  failed(error) {
    metrics.failed("kafka");
    health.down("kafka", messageOf(error));
  },
  sent: () => health.up("kafka"),
});

const queueRoutes = openQueues({
  postgres,
  namespace: settings.NAMESPACE,
  guard,
  kafka,
  producer,
  send: (records) => sender.send(records),
  topic: topics.accepted,
  weightOf: (tenant) => limitsOf(tenant).weight,
  documentOf: (queue) => documents.readable("queue", tenantOf(queue), queueOf(queue)),
  sweepMs: settings.SWEEP_MS,
  events,
  metrics,
  lifecycle,
  log,
});
const deadLetters = new DeadLetters(producer, topics.deadLetters, { metrics, log });
const { routes: publicationRoutes, handler } = await openPublications({
  settings,
  postgres,
  redis,
  kafka,
  producer,
  deadLetters,
  policies,
  documents,
  events,
  format: () => format.present,
  lifecycle,
  metrics,
  log,
});
serveRoutes(server, [...queueRoutes, ...publicationRoutes], {
  admit: ({ scope, ...about }, token, request) => guard.pass(token, scope, request, about),
  failed(error) {
    metrics.failed("postgres");
    health.down("postgres", messageOf(error));
  },
  registry,
  log,
});
log.info({ routes: server.routes }, "API ready");

const consumer = new DispatchConsumer({
  topic: topics.dispatch,
  handler,
  deadLetters,
  maxBytes: settings.PARTITION_MAX_BYTES,
  metrics,
  log,
  fatal: (error) => lifecycle.fatal(error),
});
const consumerLag = new ConsumerLag(() => kafka.progress(dispatcherGroup(settings.NAMESPACE), topics.dispatch));
metrics.watch({ lag: () => consumerLag.of((partition) => consumer.owns(partition)) });
const reader = await kafka.readGroup({
  group: dispatcherGroup(settings.NAMESPACE),
  topics: [topics.dispatch],
  sessionTimeoutMs: settings.GROUP_SESSION_MS,
  onAssigned(partitions, member) {
    health.up("partitions");
    consumer.assigned(partitions, member);
  },
  onBatch: (batch) => Promise.resolve(consumer.read(batch)),
  onFatal: (error) => lifecycle.fatal(error),
});
consumer.use(reader);

const commits = setInterval(() => void consumer.commit(), 250);
const lags = setInterval(() => void consumerLag.look(), LAG_MS);
lifecycle.onEnd("dispatcher", async () => {
  for (const timer of [commits, lags]) clearInterval(timer);
  await consumer.end();
  await reader.stop();
});
