import { randomUUID } from "node:crypto";
import { Connections } from "@saasaparilla/shared/redis/presence.ts";
import { Deletions } from "@saasaparilla/shared/postgres/stored-deletions.ts";
import { serveDocs } from "@saasaparilla/shared/http/openapi/pages.ts";
import { openEntrance } from "@saasaparilla/shared/auth/access-control.ts";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { FullClients } from "@saasaparilla/shared/postgres/full-inboxes.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { HttpServer } from "@saasaparilla/shared/http/server.ts";
import { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { Lifecycle } from "@saasaparilla/shared/runtime/lifecycle.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { createRegistry } from "@saasaparilla/shared/runtime/metrics.ts";
import { Packer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { connectRedis, Keys } from "@saasaparilla/shared/redis/client.ts";
import { loadSettings } from "@saasaparilla/shared/settings.ts";
import { Stored } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import { StoredTenants } from "@saasaparilla/shared/postgres/stored-tenants.ts";
import { tenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { directorGroup, topicsOf } from "@saasaparilla/shared/kafka/topics.ts";
import { DeadLetterReader } from "#dead-letters/reader.ts";
import { DeadLetters } from "#dead-letters/dead-letters.ts";
import { Director } from "./director.ts";
import { LookUps } from "#partitions/presence-lookup.ts";
import { followEpoch } from "#partitions/epoch-watch.ts";
import { createMetrics } from "./metrics.ts";
import { openapi } from "#dead-letters/openapi.ts";
import { serveOperators } from "#dead-letters/admin-api.ts";
import { directorSettings } from "./settings.ts";
import { Fullness } from "#storage/full-inboxes.ts";
import { Lag, LAG_MS } from "#partitions/consumer-lag.ts";
import { Store } from "#storage/notification-writer.ts";
import { sweepExpired } from "#storage/expiry-sweep.ts";
import { TenantFullness } from "#storage/full-tenants.ts";
import { Timers } from "#partitions/lane-timers.ts";

const settings = loadSettings(directorSettings);
const log = createLog("director", settings.LOG_LEVEL);
const lifecycle = new Lifecycle(log, settings.SHUTDOWN_MS);
const health = new Health(["kafka", "postgres", "redis", "epoch", "partitions", "access"]);
const registry = createRegistry("director");
const clock = { monotonic: () => performance.now(), wall: () => Date.now() };
const topics = topicsOf(settings.NAMESPACE);

const metrics = createMetrics(registry);

const server = new HttpServer({ health, registry, log, settings });
serveDocs(server, openapi());
const port = await server.listen(settings.HOST, settings.PORT);
lifecycle.onEnd("http", () => server.close());
log.info({ port }, "listening");

const postgres = connectPostgres(settings.DATABASE_URL, "director", log, health);
lifecycle.onEnd("postgres", () => postgres.close());
// Nothing waits for it: while it is away, what would be stored is deferred.
void postgres.reached();
const stored = new Stored(postgres, settings.NAMESPACE);
const redis = connectRedis(settings, log, health);
lifecycle.onEnd("redis", () => redis.disconnect());
const kafka = new KafkaLink(settings, "director", log, health);
const parts = { service: "director", settings, postgres, link: kafka, lifecycle, health, registry, log };
const { access, gate } = await openEntrance(parts);
server.origins.follow(access);
const sender = await kafka.sender();
lifecycle.onEnd("kafka producer", () => sender.close());

const packerOf = (producer: typeof sender): Packer =>
  new Packer({
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
// By a connection of its own: what one tenant defers does not delay what is sent to others.
const deferringSender = await kafka.sender();
lifecycle.onEnd("kafka producer of deferred", () => deferringSender.close());
const deferring = packerOf(deferringSender);
metrics.watch({ queuedBytes: () => packer.queuedBytes });
const lookUps = new LookUps(
  new Connections(redis, new Keys(settings.NAMESPACE)),
  (tenant) => weightOf(tenant),
  () => health.up("redis"),
  (error) => {
    metrics.failed("redis");
    health.down("redis", messageOf(error));
  },
);
metrics.watch({ lookUps: () => lookUps.waiting });
server.onExposed = (request) => gate.turnAway("its token is in its query", "operate", request);
serveOperators(server, {
  gate,
  reader: new DeadLetterReader(kafka, topics.deadLetters),
  kafka,
  send: (records) => sender.send(records),
  topics,
  metrics,
  registry,
  log,
});
log.info({ routes: server.routes }, "ready to be operated");
const { epoch, reader: epochs } = await followEpoch({
  kafka,
  topics,
  health,
  fatal: (error) => lifecycle.fatal(error),
});
lifecycle.onEnd("epoch", () => epochs.stop());
const deadLetters = new DeadLetters(packer, topics, epoch.partitions, { metrics, log });
const limitsOf = tenantLimits(access, settings);
const weightOf = (tenant: string): number => limitsOf(tenant).weight;
const fullness = new Fullness({
  full: new FullClients(postgres, settings.NAMESPACE),
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
const store = new Store(stored, deferring, topics.deferred, weightOf, {
  stored(rows) {
    health.up("postgres");
    fullness.inserted(rows);
    tenantFullness.inserted(rows);
  },
  deferred: (rows, reason) => metrics.deferred(rows, reason),
  failed(error) {
    metrics.failed("postgres");
    health.down("postgres", messageOf(error));
    log.warn({ err: error }, "storing failed: until it succeeds, what is to be stored goes to deferred");
  },
  rejected: (row, error) => deadLetters.addNotification(row, error),
});
const deletions = new Deletions({
  remove: (acknowledged) => stored.deleteUpTo(acknowledged),
  failed(error) {
    metrics.failed("postgres");
    health.down("postgres", messageOf(error));
  },
  registry,
});
lifecycle.onEnd("deletions", () => deletions.close());
const lag = new Lag(() => kafka.progress(directorGroup(settings.NAMESPACE), topics.accepted));
const timers = new Timers(clock.monotonic());

const director = new Director({
  name: randomUUID(),
  topics,
  epoch: epoch.epoch,
  limits: {
    window: settings.WINDOW,
    maxQueued: settings.LANE_MAX_QUEUED,
    maxBytes: settings.LANE_MAX_BYTES,
    ackMs: settings.ACK_MS,
    holdMs: settings.HOLD_MS,
    inviteMs: settings.INVITE_MS,
    tries: settings.TRIES,
  },
  maxLanes: settings.MAX_LANES,
  maxUnsettled: settings.PARTITION_MAX_UNSETTLED,
  maxBytes: settings.PARTITION_MAX_BYTES,
  weightOf,
  clock,
  packer,
  store,
  deletions,
  deadLetters,
  lookUps,
  timers,
  async progress() {
    const [deferred, oldest] = await Promise.all([
      kafka.progress(directorGroup(settings.NAMESPACE), topics.deferred),
      kafka.oldestOffsets(topics.accepted),
    ]);
    return { deferred, oldest };
  },
  endOffset: (topic, partition) => kafka.endOffset(topic, partition),
  metrics,
  log,
  fatal: (error) => lifecycle.fatal(error),
});
metrics.watch({ lag: () => lag.of((partition) => director.owns(partition)) });
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

const ticks = setInterval(() => timers.advance(clock.monotonic()), 50);
const commits = setInterval(() => void director.commit(), 250);
const parks = setInterval(() => director.park(), 1_000);
const sweeps = setInterval(
  () => void sweepExpired(stored, metrics, log).then((done) => done && health.up("postgres")),
  settings.SWEEP_MS,
);
const lags = setInterval(() => void lag.look(), LAG_MS);
const looks = setInterval(() => {
  void fullness.look();
  void tenantFullness.look();
}, settings.ACCESS_REFRESH_MS);
lifecycle.onEnd("director", async () => {
  for (const timer of [ticks, commits, parks, sweeps, lags, looks]) clearInterval(timer);
  await director.end();
  await reader.stop();
});
