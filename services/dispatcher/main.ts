import { setTimeout as sleep } from "node:timers/promises";
import { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import { serveDocs } from "@saasaparilla/shared/http/openapi/pages.ts";
import { openAccessControl } from "@saasaparilla/shared/auth/access-control.ts";
import { ConsumerLag, LAG_MS } from "@saasaparilla/shared/kafka/consumer-lag.ts";
import { DeadLetters } from "@saasaparilla/shared/kafka/dead-letters.ts";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { FullInboxes } from "@saasaparilla/shared/postgres/full-inboxes.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { HttpServer } from "@saasaparilla/shared/http/server.ts";
import { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { Lifecycle } from "@saasaparilla/shared/runtime/lifecycle.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { createRegistry } from "@saasaparilla/shared/runtime/metrics.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { connectRedis } from "@saasaparilla/shared/redis/client.ts";
import { tenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { RedisRateLimiter } from "@saasaparilla/shared/rate-limits/redis-rate-limiter.ts";
import { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { loadSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { directorGroup, dispatcherGroup, topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { openapi } from "#api/openapi.ts";
import { DispatchConsumer } from "#publications/consumer.ts";
import { DirectorLag } from "#publications/director-lag.ts";
import { FanOut } from "#publications/fan-out.ts";
import { FullRecipients } from "#publications/full-recipients.ts";
import { Intake } from "#publications/intake.ts";
import { Pace } from "#publications/pace.ts";
import { PageWriter } from "#publications/page-writer.ts";
import { RecipientRate } from "#publications/recipient-rate.ts";
import { PublicationStore } from "#publications/publication-store.ts";
import { sweep } from "#publications/sweep.ts";
import { MemberStore } from "#groups/member-store.ts";
import { Timers } from "#schedules/timers.ts";
import { TimerStore } from "#schedules/timer-store.ts";
import { createMetrics } from "./metrics.ts";
import { dispatcherSettings } from "./settings.ts";

/** ms between two looks at what is due. */
const DUE_MS = 200;
/** ms between two looks for publications of other dispatchers, and for cancellations. */
const LOAD_MS = 500;
const PARTITIONS_MS = 30_000;
const SWEEP_MS = 10_000;
/** Redis answers in less than 1 ms. Without it, this process counts alone. */
const RATE_WAIT_MS = 200;

const settings = loadSettings(dispatcherSettings);
const log = createLog("dispatcher", settings.LOG_LEVEL);
const lifecycle = new Lifecycle(log, settings.SHUTDOWN_MS);
const health = new Health(["kafka", "postgres", "partitions", "access"]);
const registry = createRegistry("dispatcher");
const topics = topicsOf(settings.NAMESPACE);
const metrics = createMetrics(registry);

const server = new HttpServer({ health, registry, log, settings });
serveDocs(server, openapi([]));
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
const parts = { service: "dispatcher", settings, postgres, link: kafka, lifecycle, health, registry, log };
const { policies, guard } = await openAccessControl(parts);
server.cors.follow(policies);
server.onExposed = (request) => guard.turnAway("its token is in its query", "publish", request);
log.info({ routes: server.routes }, "API ready");

const sender = await kafka.sender();
lifecycle.onEnd("kafka producer", () => sender.close());
const producer = new BatchingProducer({
  send: (records) => sender.send(records),
  maxPackBytes: 256 << 10,
  maxSendBytes: 1 << 20,
  onFailure: "retry",
  failed(error) {
    metrics.failed("kafka");
    health.down("kafka", messageOf(error));
  },
  sent: () => health.up("kafka"),
});

const accepted = { partitions: await kafka.partitions(topics.accepted) };
const dispatch = { partitions: await kafka.partitions(topics.dispatch) };
const looksAtPartitions = setInterval(() => {
  void kafka.partitions(topics.accepted).then((partitions) => (accepted.partitions = partitions));
  void kafka.partitions(topics.dispatch).then((partitions) => (dispatch.partitions = partitions));
}, PARTITIONS_MS);
const pace = new Pace({ most: settings.FANOUT_RATE / accepted.partitions, now: () => performance.now(), sleep });
const directorLag = new DirectorLag(() => kafka.progress(directorGroup(settings.NAMESPACE), topics.accepted), pace);
const publications = new PublicationStore(postgres, settings.NAMESPACE);
const members = new MemberStore(postgres, settings.NAMESPACE);
const fullRecipients = new FullRecipients(new FullInboxes(postgres, settings.NAMESPACE), log);
const writer = new PageWriter({
  producer,
  topic: topics.accepted,
  partitions: () => accepted.partitions,
  pace,
  isFull: (key) => fullRecipients.has(key),
});
const limitsOf = tenantLimits(policies, settings);
const rateLimiter = new RedisRateLimiter({ redis, waitMs: RATE_WAIT_MS, alone: () => metrics.failed("redis") });
const recipientRate = new RecipientRate(rateLimiter, new Keys(settings.NAMESPACE), limitsOf);
const charge = recipientRate.charge.bind(recipientRate);
let owned: readonly number[] = [];
const fanOut = new FanOut({
  publications,
  members,
  writer,
  charge,
  weightOf: (tenant) => limitsOf(tenant).weight,
  owned: () => ({ partitions: owned, among: dispatch.partitions }),
  metrics,
  log,
  sleep,
});
const begun = (): void => void fanOut.load();
const exchangeTargets = (): undefined => undefined;
const intake = new Intake({ publications, members, writer, exchangeTargets, charge, begun, metrics });
const timers = new Timers({
  store: new TimerStore(postgres, settings.NAMESPACE),
  members,
  exchangeTargets,
  nextOccurrence: () => undefined,
  begun,
  metrics,
  log,
});
metrics.watch({ pace: () => pace.rate, dueLag: () => timers.lag });

const consumer = new DispatchConsumer({
  topic: topics.dispatch,
  handler: {
    assigned(partitions) {
      owned = partitions;
      begun();
    },
    settle: (record) => intake.settle(record),
  },
  deadLetters: new DeadLetters(producer, topics.deadLetters, { metrics, log }),
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
const paces = setInterval(() => void directorLag.look(), 1_000);
const loads = setInterval(() => void fanOut.load(), LOAD_MS);
const dues = setInterval(() => void timers.run(), DUE_MS);
const schedules = setInterval(() => {
  void timers.reconcile();
  void fullRecipients.look();
}, settings.ACCESS_REFRESH_MS);
const sweeps = setInterval(() => void sweep(publications, metrics, log), SWEEP_MS);
lifecycle.onEnd("dispatcher", async () => {
  for (const timer of [commits, lags, paces, loads, dues, schedules, sweeps, looksAtPartitions]) clearInterval(timer);
  await timers.end();
  await fanOut.end();
  await consumer.end();
  await reader.stop();
});
