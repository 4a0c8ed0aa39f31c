import { guarded } from "@saasaparilla/shared/http/body-guard.ts";
import { CallerGuard } from "@saasaparilla/shared/http/caller-guard.ts";
import { Presence } from "@saasaparilla/shared/redis/presence.ts";
import { CloseCodes } from "@saasaparilla/shared/protocol/close-codes.ts";
import { StoredDeletions } from "@saasaparilla/shared/postgres/stored-deletions.ts";
import { serveDocs, serveDocument } from "@saasaparilla/shared/http/openapi/pages.ts";
import { openAccessControl } from "@saasaparilla/shared/auth/access-control.ts";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { bearer } from "@saasaparilla/shared/auth/identity.ts";
import { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { Lifecycle } from "@saasaparilla/shared/runtime/lifecycle.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { createRegistry } from "@saasaparilla/shared/runtime/metrics.ts";
import { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { connectRedis, onNodeReached } from "@saasaparilla/shared/redis/client.ts";
import { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { internalError } from "@saasaparilla/shared/http/response.ts";
import { openTracing } from "@saasaparilla/shared/tracing/open-tracing.ts";
import { loadSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { StoredNotifications } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import { Refusals } from "@saasaparilla/shared/timeline/refusals.ts";
import { openEvents } from "@saasaparilla/shared/timeline/open-events.ts";
import { storedEvents } from "@saasaparilla/shared/timeline/stored-events.ts";
import { tenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { slotGroup, topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { acknowledge, asksWhy } from "#transports/ack-endpoint.ts";
import { asyncapi } from "#api/asyncapi.ts";
import { AdmissionControl } from "#admission/admission-control.ts";
import { KeyedLimiter } from "@saasaparilla/shared/rate-limits/keyed-limiter.ts";
import { Capacity } from "#admission/capacity.ts";
import { RoutedConsumer } from "#sessions/routed-consumer.ts";
import { mostConnections } from "#admission/file-descriptor-limit.ts";
import { Handshake } from "#admission/handshake.ts";
import { drain } from "#maintenance/drain.ts";
import { IdleLoops } from "#transports/idle-loops.ts";
import { monitorConnections } from "#maintenance/connection-monitor.ts";
import { LongPolls } from "#transports/long-poll.ts";
import { createMetrics } from "./metrics.ts";
import { openapi } from "#api/openapi.ts";
import { Hub } from "#sessions/hub.ts";
import { ReplayReader } from "#sessions/replay-reader.ts";
import { PresenceWriter } from "#maintenance/presence-writer.ts";
import { Reconciler } from "#maintenance/reconciler.ts";
import { notAnUpgrade } from "#transports/upgrade-required.ts";
import { serveSse, serveWebSocket } from "#transports/routes.ts";
import { distributorSettings } from "./settings.ts";
import { TenantUsage } from "#admission/tenant-usage.ts";
import { SlotOwner } from "#maintenance/slot-owner.ts";
import { SocketServer } from "#transports/socket-server.ts";
import { Tickets } from "#admission/tickets.ts";
import { issueTicket } from "#admission/ticket-endpoint.ts";
import { deleteStored } from "#sessions/delete-stored.ts";
import { ACK_PATIENCE_MS, ControlProducer } from "#sessions/control-producer.ts";

const settings = loadSettings(distributorSettings);
const log = createLog("distributor", settings.LOG_LEVEL);
const lifecycle = new Lifecycle(log, settings.SHUTDOWN_MS);
const health = new Health(["kafka", "postgres", "redis", "slot", "access", "composed"]);
const registry = createRegistry("distributor");
await openTracing({ service: "distributor", settings, lifecycle, registry, log });
const topics = topicsOf(settings.NAMESPACE);
const bounds = {
  rate: settings.CONNECT_RATE,
  burst: settings.CONNECT_BURST,
  handovers: settings.MAX_HANDOVERS,
  connections: mostConnections(settings.MAX_CONNECTIONS),
};
const weightOf = (tenant: string): number => limitsOf(tenant).weight;
const admission = new AdmissionControl(bounds, performance.now(), weightOf);
const metrics = createMetrics(registry);
metrics.watch({
  tokens: () => admission.tokens(performance.now()),
  handovers: () => admission.handovers(performance.now()),
  mostConnections: () => bounds.connections,
});
const failedAt = (dependency: "kafka" | "postgres" | "redis") => (error: unknown) => {
  metrics.failed(dependency);
  health.down(dependency, messageOf(error));
  log.debug({ err: error, dependency }, "a call failed and will be retried");
};

// Health answers from the start. Clients are admitted when everything below is ready.
const server = new SocketServer({ health, registry, log, settings });
serveDocs(server, openapi());
serveDocument(server, "/asyncapi.json", "application/json", asyncapi());
lifecycle.onEnd("http", () => server.close());
const port = await server.listen(settings.HOST, settings.PORT);
log.info({ port }, "listening");

const postgres = connectPostgres(settings.DATABASE_URL, { service: "distributor", log, health });
lifecycle.onEnd("postgres", () => postgres.close());
const stored = new StoredNotifications(postgres, settings.NAMESPACE);
const redis = connectRedis(settings, log, health);
lifecycle.onEnd("redis", () => redis.disconnect());
const keys = new Keys(settings.NAMESPACE);
const presence = new Presence(redis, keys);
const kafka = new KafkaLink(settings, "distributor", log, health);
const parts = { service: "distributor", settings, postgres, redis, link: kafka, lifecycle, health, registry, log };
const { policies, guard } = await openAccessControl(parts);
server.cors.follow(policies);
const events = openEvents(parts);
const refusals = new Refusals({ events, registry, now: () => performance.now() });
server.onRefused = (request, problem) => refusals.note(request, problem);
const sender = await kafka.sender();
lifecycle.onEnd("kafka producer", () => sender.close());
const producer = new BatchingProducer({
  send: (records) => sender.send(records),
  patienceMs: ACK_PATIENCE_MS,
  maxPackBytes: 256 << 10,
  maxSendBytes: 1 << 20,
  onFailure: "retry",
  failed: failedAt("kafka"),
  sent: () => health.up("kafka"),
});
metrics.watch({ controlBytes: () => producer.queuedBytes });
const [partitions, slots] = await Promise.all([kafka.partitions(topics.accepted), kafka.partitions(topics.routed)]);

const controlProducer = new ControlProducer(producer, topics.control, () => ({
  slot: slotOwner.slot,
  incarnation: slotOwner.incarnation,
}));
const storedDeletions = new StoredDeletions({
  remove: (acknowledged) =>
    deleteStored(acknowledged, { stored, controlProducer, partitions, ended: storedEvents(events) }),
  failed: failedAt("postgres"),
  registry,
});
const replayReader = new ReplayReader({
  pages: (asked, pageBytes) => stored.pages(asked, pageBytes),
  clock: () => performance.now(),
  asked: metrics.readPages,
  late: metrics.readsLate,
  weightOf,
});
metrics.watch({ readsWaiting: () => replayReader.waiting });
const limitsOf = tenantLimits(policies, settings);
const usage = new TenantUsage(limitsOf);
const hub = new Hub({
  partitions,
  controlProducer,
  replayReader,
  storedDeletions,
  usage,
  limitsOf,
  events,
  metrics,
  log,
  settings,
  wall: () => Date.now(),
});
const idle = new IdleLoops(hub, settings.POLL_GRACE_MS);
const capacity = new Capacity({ peers: hub, idle, usage, most: bounds.connections });
const registrations = new PresenceWriter(presence, hub, controlProducer, failedAt("redis"));
hub.observe(
  capacity,
  {
    opened: ({ session, identity }) => admission.handoverBegan(session.id, performance.now(), identity.tenant),
    live: ({ session }) => admission.handoverEnded(session.id),
    closed: ({ session }) => admission.handoverEnded(session.id),
  },
  idle,
  registrations,
);
const reconciler = new Reconciler({
  hub,
  stored,
  metrics,
  failed: failedAt("postgres"),
  roundMs: settings.SAFETY_NET_MS,
});
const routedConsumer = new RoutedConsumer({
  hub,
  controlProducer,
  metrics,
  log,
  incarnation: () => slotOwner.incarnation,
  presenceWriter: registrations,
});
const registerAgain = (): void => {
  void registrations.registerAll().then(() => reconciler.round(settings.SAFETY_NET_MS / 10));
};
onNodeReached(redis, registerAgain);
const slotOwner: SlotOwner = new SlotOwner({
  presence,
  slots,
  leaseMs: settings.LEASE_MS,
  topic: topics.routed,
  group: (slot, incarnation) => slotGroup(settings.NAMESPACE, slot, incarnation),
  endOffset: (topic, partition) => kafka.endOffset(topic, partition),
  readSlot: (options) => kafka.readSlot(options),
  onBatch: (batch) => routedConsumer.batch(batch),
  onRegisterAgain(moved) {
    if (moved) for (const connection of hub.all()) hub.step(connection, { type: "moved" });
    registerAgain();
  },
  onFatal: (error) => lifecycle.fatal(error),
  health,
  log,
});
await slotOwner.open();
await postgres.reached();

const tickets = new Tickets(redis, keys);
const door = new Handshake({
  guard,
  admission,
  capacity,
  metrics,
  tickets,
  clients: new KeyedLimiter({ rate: settings.CLIENT_RATE, burst: settings.CLIENT_BURST }),
  tenants: new KeyedLimiter({ rate: settings.TENANT_REQUEST_RATE, burst: settings.TENANT_REQUEST_BURST }),
  limitsOf,
});
server.onExposed = (request) => door.exposed(request);
serveWebSocket(server, door, hub, settings);
serveSse(server, door, hub, settings);
const callerGuard = new CallerGuard({
  registry,
  identify: (request) =>
    (asksWhy(request) ? door.closedOfLate(request.headers) : undefined) ??
    door.identify(bearer(request.headers.authorization), request),
});
server.post(
  "/v1/tickets",
  1_024,
  guarded(callerGuard, (request) => issueTicket(request, tickets)),
);
const polls = new LongPolls({ hub, door, idle, metrics, settings });
server.get(
  "/v1/poll",
  (request) => polls.poll(request),
  (request) => polls.head(request),
);
// Requests that the library does not treat as an upgrade.
server.get("/v1/ws", (request) => notAnUpgrade(request) ?? internalError());
const acked = { hub, controlProducer, partitions };
server.post(
  "/v1/acks",
  1_024,
  guarded(callerGuard, (_, body, identity) => acknowledge(identity, body, acked)),
);
const sweeps = setInterval(() => admission.sweep(performance.now()), 1_000);
const stopKeepingUp = monitorConnections(hub, settings, ({ identity, address, origin }) =>
  guard.holds(identity, "subscribe", address, origin),
);
health.up("composed");
log.info({ slot: slotOwner.slot, port, routes: server.routes }, "ready");

// Released last-in first-out: admit no one, end all connections with a hint to return, then send what they left.
lifecycle.onEnd("slot", () => slotOwner.close());
lifecycle.onEnd("deletions", () => storedDeletions.close());
lifecycle.onEnd("control", () => producer.drained());
lifecycle.onEnd("timers", () => {
  stopKeepingUp();
  clearInterval(sweeps);
  reconciler.end();
  registrations.end();
});
lifecycle.onEnd("connections", async () => {
  health.end();
  door.drain();
  const spreadMs = Math.min(settings.DRAIN_MS, settings.SHUTDOWN_MS / 2);
  log.info({ connections: hub.size, spreadMs }, "draining");
  await drain([...hub.all()], {
    spreadMs,
    rate: settings.CONNECT_RATE,
    random: Math.random,
    end: (connection, retryAfter) => hub.end(connection, { ...CloseCodes.restart, retryAfter }),
  });
});
