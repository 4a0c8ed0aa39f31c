import { randomUUID } from "node:crypto";
import { Presence } from "@saasaparilla/shared/redis/presence.ts";
import { StoredDeletions } from "@saasaparilla/shared/postgres/stored-deletions.ts";
import { serveDocs } from "@saasaparilla/shared/http/openapi/pages.ts";
import { openAccessControl } from "@saasaparilla/shared/auth/access-control.ts";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { FullInboxes } from "@saasaparilla/shared/postgres/full-inboxes.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { HttpServer } from "@saasaparilla/shared/http/server.ts";
import { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { Lifecycle } from "@saasaparilla/shared/runtime/lifecycle.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { createRegistry } from "@saasaparilla/shared/runtime/metrics.ts";
import { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { connectRedis } from "@saasaparilla/shared/redis/client.ts";
import { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { openTracing } from "@saasaparilla/shared/tracing/open-tracing.ts";
import { loadSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { StoredEnds } from "@saasaparilla/shared/postgres/stored-ends.ts";
import { StoredNotifications } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import { StoredTenants } from "@saasaparilla/shared/postgres/stored-tenants.ts";
import { tenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { directorGroup, topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { DeadLetterReader } from "#dead-letters/reader.ts";
import { refusedRow } from "#dead-letters/refused-row.ts";
import { DeadLetters } from "@saasaparilla/shared/kafka/dead-letters.ts";
import { Director } from "./director.ts";
import { PresenceLookup } from "#partitions/presence-lookup.ts";
import { watchEpoch } from "@saasaparilla/shared/kafka/epoch-watch.ts";
import { createMetrics } from "./metrics.ts";
import { openapi } from "#dead-letters/openapi.ts";
import { serveAdminApi } from "#dead-letters/admin-api.ts";
import { directorSettings } from "./settings.ts";
import { FullInboxMarker } from "#storage/full-inboxes.ts";
import { ConsumerLag, LAG_MS } from "@saasaparilla/shared/kafka/consumer-lag.ts";
import { EndedDeadLetters } from "#dead-letters/ended-dead-letters.ts";
import { Outcomes } from "@saasaparilla/shared/kafka/outcomes.ts";
import { NotificationWriter } from "#storage/notification-writer.ts";
import { sweepExpired } from "#storage/expiry-sweep.ts";
import { TenantFullness } from "#storage/full-tenants.ts";
import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import { shorten } from "@saasaparilla/shared/http/problem.ts";
import { MOST_WHY } from "@saasaparilla/shared/timeline/events.ts";
import { openEvents } from "@saasaparilla/shared/timeline/open-events.ts";
import { storedEvents } from "@saasaparilla/shared/timeline/stored-events.ts";
import { LaneEvents } from "#partitions/lane-events.ts";
import { LaneTimers } from "#partitions/lane-timers.ts";

const settings = loadSettings(directorSettings);
const log = createLog("director", settings.LOG_LEVEL);
const lifecycle = new Lifecycle(log, settings.SHUTDOWN_MS);
const health = new Health(["kafka", "postgres", "redis", "epoch", "partitions", "access"]);
const registry = createRegistry("director");
await openTracing({ service: "director", settings, lifecycle, registry, log });
const clock = { monotonic: () => performance.now(), wall: () => Date.now() };
const topics = topicsOf(settings.NAMESPACE);

const metrics = createMetrics(registry);

const server = new HttpServer({ health, registry, log, settings });
serveDocs(server, openapi());
const port = await server.listen(settings.HOST, settings.PORT);
lifecycle.onEnd("http", () => server.close());
log.info({ port }, "listening");

const postgres = connectPostgres(settings.DATABASE_URL, { service: "director", log, health });
lifecycle.onEnd("postgres", () => postgres.close());
// Startup does not wait for Postgres. While Postgres is away, notifications to store are deferred.
void postgres.reached();
const stored = new StoredNotifications(postgres, settings.NAMESPACE);
const redis = connectRedis(settings, log, health);
lifecycle.onEnd("redis", () => redis.disconnect());
const kafka = new KafkaLink(settings, "director", log, health);
const parts = { service: "director", settings, postgres, redis, link: kafka, lifecycle, health, registry, log };
const { policies, guard } = await openAccessControl(parts);
server.cors.follow(policies);
const events = openEvents(parts);
const laneEvents = new LaneEvents(events);
const sender = await kafka.sender();
lifecycle.onEnd("kafka producer", () => sender.close());

const packerOf = (producer: typeof sender): BatchingProducer =>
  new BatchingProducer({
    send: (records) => producer.send(records),
    maxPackBytes: 256 << 10,
    maxSendBytes: 1 << 20,
    onFailure: "retry",
    failed(error) {
      metrics.failed("kafka");
      health.down("kafka", messageOf(error));
    },
    sent: () => health.up("kafka"),
  });
const packer = packerOf(sender);
// A separate connection, so that one tenant's deferred records do not delay what is sent to others.
const deferringSender = await kafka.sender();
lifecycle.onEnd("kafka producer of deferred", () => deferringSender.close());
const deferring = packerOf(deferringSender);
metrics.watch({ queuedBytes: () => packer.queuedBytes });
const presenceLookup = new PresenceLookup(
  new Presence(redis, new Keys(settings.NAMESPACE)),
  (tenant) => weightOf(tenant),
  () => health.up("redis"),
  (error) => {
    metrics.failed("redis");
    health.down("redis", messageOf(error));
  },
);
metrics.watch({ lookUps: () => presenceLookup.waiting });
server.onExposed = (request) => guard.turnAway("its token is in its query", "operate", request);
serveAdminApi(server, {
  guard,
  reader: new DeadLetterReader(kafka, topics.deadLetters),
  kafka,
  send: (records) => sender.send(records),
  topics,
  events,
  metrics,
  registry,
  log,
});
log.info({ routes: server.routes }, "operators' API ready");
const { epoch, reader: epochs } = await watchEpoch({
  kafka,
  topics,
  health,
  fatal: (error) => lifecycle.fatal(error),
});
lifecycle.onEnd("epoch", () => epochs.stop());
const acceptedTopic = { topic: topics.accepted, partitions: epoch.partitions };
const outcomes = new Outcomes({
  producer: packer,
  topic: topics.accepted,
  partitions: () => epoch.partitions,
  wall: clock.wall,
  metrics,
});
const storedEnds = new StoredEnds(postgres, settings.NAMESPACE, {
  partitions: epoch.partitions,
  append: (ended) => Promise.all(ended.map((one) => outcomes.append(one))),
  ended: storedEvents(events),
});
const deadLetters = new EndedDeadLetters(
  new DeadLetters(packer, topics.deadLetters, { metrics, log }),
  outcomes,
  events,
);
const limitsOf = tenantLimits(policies, settings);
const weightOf = (tenant: string): number => limitsOf(tenant).weight;
const fullInboxes = new FullInboxMarker({
  fullInboxes: new FullInboxes(postgres, settings.NAMESPACE),
  limitsOf,
  metrics,
  log,
});
const tenantFullness = new TenantFullness({
  stored: new StoredTenants(postgres, settings.NAMESPACE),
  limitsOf,
  metrics,
  log,
  now: clock.monotonic,
});
metrics.watch({ storedHighest: () => tenantFullness.highest() });
const notificationWriter = new NotificationWriter({
  stored: storedEnds,
  producer: deferring,
  topic: topics.deferred,
  events: laneEvents,
  weightOf,
  reports: {
    stored(rows) {
      health.up("postgres");
      fullInboxes.inserted(rows);
      tenantFullness.inserted(rows);
    },
    deferred: (rows, reason) => metrics.deferred(rows, reason),
    failed(error) {
      metrics.failed("postgres");
      health.down("postgres", messageOf(error));
      log.warn({ err: error }, "storing failed: notifications go to deferred until it succeeds");
    },
    rejected(row, error) {
      const letter = refusedRow(row, acceptedTopic, error);
      events.record("undeliverable", row.client, notificationBody.id(row.body), {
        why: shorten(letter.reason, MOST_WHY),
      });
      return deadLetters.add(letter);
    },
  },
});
const storedDeletions = new StoredDeletions({
  remove: (acknowledged) => storedEnds.deleteUpTo(acknowledged),
  failed(error) {
    metrics.failed("postgres");
    health.down("postgres", messageOf(error));
  },
  registry,
});
lifecycle.onEnd("deletions", () => storedDeletions.close());
const consumerLag = new ConsumerLag(() => kafka.progress(directorGroup(settings.NAMESPACE), topics.accepted));
const laneTimers = new LaneTimers(clock.monotonic());

const director = new Director({
  name: randomUUID(),
  topics,
  epoch: epoch.epoch,
  limits: {
    lane: {
      window: settings.WINDOW,
      maxQueued: settings.LANE_MAX_QUEUED,
      maxBytes: settings.LANE_MAX_BYTES,
      ackMs: settings.ACK_MS,
      holdMs: settings.HOLD_MS,
      inviteMs: settings.INVITE_MS,
      tries: settings.INVITE_TRIES,
    },
    maxLanes: settings.MAX_LANES,
    maxUnsettled: settings.PARTITION_MAX_UNSETTLED,
    maxBytes: settings.PARTITION_MAX_BYTES,
    weightOf,
  },
  clock,
  kafka: {
    producer: packer,
    endOffset: (topic, partition) => kafka.endOffset(topic, partition),
    async progress() {
      const [deferred, oldest] = await Promise.all([
        kafka.progress(directorGroup(settings.NAMESPACE), topics.deferred),
        kafka.oldestOffsets(topics.accepted),
      ]);
      return { deferred, oldest };
    },
  },
  stores: { notificationWriter, storedDeletions, deadLetters, outcomes, presenceLookup },
  laneTimers,
  laneEvents,
  metrics,
  log,
  fatal: (error) => lifecycle.fatal(error),
});
metrics.watch({ lag: () => consumerLag.of((partition) => director.owns(partition)) });
const reader = await kafka.readGroup({
  group: directorGroup(settings.NAMESPACE),
  topics: [topics.accepted, topics.control, topics.deferred],
  sessionTimeoutMs: settings.GROUP_SESSION_MS,
  onAssigned(partitions, member) {
    health.up("partitions");
    director.assigned(partitions, member);
  },
  onBatch: (batch) => director.read(batch),
  onFatal: (error) => lifecycle.fatal(error),
});
director.use(reader);

const ticks = setInterval(() => laneTimers.advance(clock.monotonic()), 50);
const commits = setInterval(() => void director.commit(), 250);
const parks = setInterval(() => director.park(), 1_000);
const sweeps = setInterval(
  () => void sweepExpired(stored, storedEnds, { events, metrics, log }).then((done) => done && health.up("postgres")),
  settings.SWEEP_MS,
);
const lags = setInterval(() => void consumerLag.look(), LAG_MS);
const looks = setInterval(() => {
  void fullInboxes.look();
  void tenantFullness.look();
}, settings.ACCESS_REFRESH_MS);
lifecycle.onEnd("director", async () => {
  for (const timer of [ticks, commits, parks, sweeps, lags, looks]) clearInterval(timer);
  await director.end();
  await reader.stop();
});
