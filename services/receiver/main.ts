import { randomUUID } from "node:crypto";
import { serveDocs } from "@saasaparilla/shared/http/openapi/pages.ts";
import { openAccessControl } from "@saasaparilla/shared/auth/access-control.ts";
import { openDocuments } from "@saasaparilla/shared/dispatch/open-documents.ts";
import { FullWaiting } from "@saasaparilla/shared/postgres/full-waiting.ts";
import { FullInboxes } from "@saasaparilla/shared/postgres/full-inboxes.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { guarded } from "@saasaparilla/shared/http/body-guard.ts";
import { HttpServer } from "@saasaparilla/shared/http/server.ts";
import { found } from "@saasaparilla/shared/http/response.ts";
import { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { Lifecycle } from "@saasaparilla/shared/runtime/lifecycle.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { createRegistry } from "@saasaparilla/shared/runtime/metrics.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { connectRedis } from "@saasaparilla/shared/redis/client.ts";
import { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { RedisRateLimiter } from "@saasaparilla/shared/rate-limits/redis-rate-limiter.ts";
import { openTracing } from "@saasaparilla/shared/tracing/open-tracing.ts";
import { loadSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { StoredTenants } from "@saasaparilla/shared/postgres/stored-tenants.ts";
import { tenantTimelines } from "@saasaparilla/shared/auth/policies/tenant-timeline.ts";
import { Refusals } from "@saasaparilla/shared/timeline/refusals.ts";
import { openEvents } from "@saasaparilla/shared/timeline/open-events.ts";
import { tenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { TenantUse } from "@saasaparilla/shared/postgres/tenant-use.ts";
import { topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { Appender } from "#publish/kafka-append.ts";
import { Authorizer } from "#publish/authorize.ts";
import { Idempotency } from "#publish/idempotency.ts";
import { RequestAdmission } from "#limits/request-admission.ts";
import { NoisyTenants } from "./limits/noisy-tenants.ts";
import { createMetrics } from "./metrics.ts";
import { FullInboxCheck } from "#publish/full-inboxes.ts";
import { GroupAudience } from "#publish/group-audience.ts";
import { Following } from "#publish/follow.ts";
import { openapi } from "#api/openapi.ts";
import { Publisher } from "#publish/publish.ts";
import { TenantQuota } from "#limits/tenant-quota.ts";
import { settings as schema } from "./settings.ts";

const settings = loadSettings(schema);
const log = createLog("receiver", settings.LOG_LEVEL);
const lifecycle = new Lifecycle(log, settings.SHUTDOWN_MS);
const health = new Health(["kafka", "accepting", "access"]);
const registry = createRegistry("receiver");
await openTracing({ service: "receiver", settings, lifecycle, registry, log });
const metrics = createMetrics(registry);
// Postgres provides the policies and the full inboxes, and receives the loudest tenants. Readiness waits only for the
// policies.
const postgres = connectPostgres(settings.DATABASE_URL, {
  service: "receiver",
  log,
  health: new Health([]),
  connections: 1,
});
lifecycle.onEnd("postgres", () => postgres.close());
const noisyTenants = new NoisyTenants({
  source: new TenantUse(postgres, settings.NAMESPACE),
  name: randomUUID(),
  everyMs: settings.ACCESS_REFRESH_MS,
  log,
  now: () => performance.now(),
});
noisyTenants.start();
const fullInboxes = new FullInboxCheck({
  clients: new FullInboxes(postgres, settings.NAMESPACE),
  tenants: new StoredTenants(postgres, settings.NAMESPACE),
  waiting: new FullWaiting(postgres, settings.NAMESPACE),
  everyMs: settings.ACCESS_REFRESH_MS,
  refused(tenant, bound) {
    const limit = bound === "waiting" ? bound : (`stored-${bound}` as const);
    metrics.limited(limit);
    noisyTenants.refused(tenant, limit);
  },
  log,
});
fullInboxes.start();

// Publishing continues without Redis, so readiness does not require it.
const redis = connectRedis(settings, log, new Health([]));
const link = new KafkaLink(settings, "receiver", log, health);
const topics = topicsOf(settings.NAMESPACE);
const parts = { service: "receiver", settings, postgres, redis, link, lifecycle, health, registry, log };
const { policies, guard, format } = await openAccessControl(parts);
// Only dry runs read documents, so readiness does not wait for them.
const documents = openDocuments({ ...parts, health: new Health([]) });
metrics.watch({ fullClients: () => fullInboxes.clients, fullTenants: () => fullInboxes.tenants });
const limitsOf = tenantLimits(policies, settings);
const weightOf = (tenant: string): number => limitsOf(tenant).weight;
const appender = new Appender(link, topics, settings, { metrics, health, log, weightOf });
const authorizer = new Authorizer({ guard, policies, metrics, seconds: () => Date.now() / 1_000 });
const keys = new Keys(settings.NAMESPACE);
const rateLimiter = new RedisRateLimiter({ redis, waitMs: settings.RATE_WAIT_MS, alone: metrics.limitedAlone });
const quota = new TenantQuota({ rateLimiter, keys, limitsOf, metrics, noisyTenants });
const admission = new RequestAdmission(settings, {
  metrics,
  queued: () => appender.queuedBytes,
  identify: (request) => authorizer.identify(request),
  quota,
});
metrics.watch({ requests: () => admission.requests, bodyBytes: () => admission.bytes });
const seconds = (): number => Date.now() / 1_000;
const events = openEvents(parts);
const following = new Following({
  followerOf: tenantTimelines(policies, settings, seconds),
  format: () => format.present,
  events,
  wall: () => Date.now(),
});
const idempotency = new Idempotency(redis, keys, metrics, settings);
const publisher = new Publisher({
  authorizer,
  appender,
  idempotency,
  quota,
  fullInboxes,
  audience: { groups: new GroupAudience(postgres, settings.NAMESPACE, log), documents },
  following,
  format: () => format.present,
  limits: settings,
  metrics,
  log,
});

const server = new HttpServer({ health, registry, log, settings });
server.cors.follow(policies);
const refusals = new Refusals({ events, registry, now: () => performance.now() });
server.onRefused = (request, problem) => refusals.note(request, problem);
server.onExposed = (request) => guard.turnAway("its token is in its query", "publish", request);
server.post(
  "/v1/notifications",
  settings.MAX_BODY_BYTES,
  guarded(admission, (request, body, caller) => publisher.publish(request, body, caller)),
);
serveDocs(server, openapi(settings));
const { CONSOLE_URL: consoleUrl } = settings;
if (consoleUrl !== undefined)
  server.site = ({ path, headers }) =>
    path === "/" && headers.accept?.includes("text/html") ? found(consoleUrl) : undefined;

// Released last-in first-out: no new requests, then the answers to admitted ones, then their dependencies.
lifecycle.onEnd("full", () => fullInboxes.end());
lifecycle.onEnd("loud", () => noisyTenants.end());
lifecycle.onEnd("redis", () => redis.disconnect());
lifecycle.onEnd("idempotency", () => idempotency.settled());
lifecycle.onEnd("kafka", () => appender.close());
lifecycle.onEnd("http", async () => {
  health.end();
  server.stopListening();
  await admission.close();
  await server.close();
});

const port = await server.listen(settings.HOST, settings.PORT);
log.info({ port, routes: server.routes }, "listening");
appender.start().catch((error: unknown) => lifecycle.fatal(error));
