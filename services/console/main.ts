import { join } from "node:path";
import { KeyedLimiter } from "@saasaparilla/shared/rate-limits/keyed-limiter.ts";
import { serveDocs } from "@saasaparilla/shared/http/openapi/pages.ts";
import { openAccessControl } from "@saasaparilla/shared/auth/access-control.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { HttpServer } from "@saasaparilla/shared/http/server.ts";
import { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { Lifecycle } from "@saasaparilla/shared/runtime/lifecycle.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { createRegistry } from "@saasaparilla/shared/runtime/metrics.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { SealedSecrets } from "@saasaparilla/shared/auth/tokens/sealed-secrets.ts";
import { connectRedis } from "@saasaparilla/shared/redis/client.ts";
import { loadSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { TenantUse } from "@saasaparilla/shared/postgres/tenant-use.ts";
import { documentRoutes, type ConsoleParts } from "./policies/crud-routes.ts";
import { formatNeeded } from "@saasaparilla/shared/auth/policies/schema.ts";
import { exchangeRoutes } from "#documents/exchanges.ts";
import { queueRoutes } from "#documents/queues.ts";
import { scheduleRoutes } from "#documents/schedules.ts";
import { DocumentStore } from "@saasaparilla/shared/dispatch/document-store.ts";
import { explainRoute } from "#policies/explain.ts";
import { keyRoutes } from "#policies/keys.ts";
import { openapi } from "#api/openapi.ts";
import { Figures } from "#figures/figures.ts";
import { figureRoutes } from "#figures/figure-routes.ts";
import { Instances } from "#figures/instances.ts";
import { Prometheus } from "#figures/prometheus.ts";
import { SERIES } from "#figures/rates.ts";
import { Relay } from "#relay/relay.ts";
import { Streams } from "#relay/streams.ts";
import { tryRoutes } from "#relay/try-routes.ts";
import { relayRoutes } from "#relay/relay-routes.ts";
import { RelayTickets } from "@saasaparilla/shared/auth/relay-tickets.ts";
import { AuditReader } from "#audit/audit-reader.ts";
import { auditRoute } from "#audit/audit-route.ts";
import { topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { Origin } from "#sessions/cookie.ts";
import { Sessions } from "#sessions/sessions.ts";
import { sessionRoutes } from "#sessions/session-routes.ts";
import { serveRoutes } from "#api/routes.ts";
import { openSupport } from "#support/open-support.ts";
import { OpenId } from "#sessions/openid.ts";
import { serveSignIn } from "#sessions/sign-in-routes.ts";
import { consoleSettings, openIdSettings } from "./settings.ts";
import { Site } from "#site/site.ts";
import { usageRoute } from "#policies/usage.ts";

const settings = loadSettings(consoleSettings);
const log = createLog("console", settings.LOG_LEVEL);
const lifecycle = new Lifecycle(log, settings.SHUTDOWN_MS);
const health = new Health(["access", "postgres"]);
const registry = createRegistry("console");

const postgres = connectPostgres(settings.DATABASE_URL, { service: "console", log, health, connections: 4 });
lifecycle.onEnd("postgres", () => postgres.close());
// Kafka receives the audit log, and nothing here waits for it.
const link = new KafkaLink(settings, "console", log, new Health([]));
// Only sessions and client views need Redis. Their requests report that it is away.
const redis = connectRedis(settings, log, new Health([]));
lifecycle.onEnd("redis", () => redis.disconnect());
const accessControl = await openAccessControl({
  service: "console",
  settings,
  postgres,
  link,
  lifecycle,
  health,
  registry,
  log,
});
const { policies, policyStore, policyRefresh, authenticator, guard } = accessControl;
const format = (): number => accessControl.format.present;

const refresh = (): Promise<void> => policyRefresh.refresh();
const parts: ConsoleParts = {
  policyStore,
  documents: { store: policyStore, refresh, formatNeeded, format },
  now: () => Math.floor(Date.now() / 1_000),
  issuer: settings.AUTH_ISSUER,
  secrets: new SealedSecrets(settings.SECRETS_KEY),
  environment: settings.KEY_ENVIRONMENT,
  jwksAddresses: authenticator.jwksAddresses,
};
// Only dispatchers use these documents, and every dispatcher understands them.
const written = {
  policyStore,
  documents: {
    store: new DocumentStore(postgres, settings.NAMESPACE),
    refresh: () => Promise.resolve(),
    formatNeeded: () => 1,
    format,
  },
};
const secrets = parts.secrets;
const keys = new Keys(settings.NAMESPACE);
const sessions = new Sessions({ redis, keys, secrets, now: parts.now });
const origin = new Origin(settings.CONSOLE_URL, settings.TLS_CERT !== undefined);
const server = new HttpServer({ health, registry, log, settings });
server.cors.follow(policies);
const figures = new Figures({
  instances: new Instances(settings.METRICS_URLS, SERIES),
  prometheus: settings.PROMETHEUS_URL === undefined ? undefined : new Prometheus(settings.PROMETHEUS_URL),
  failed: (error) => log.warn({ err: error }, "the services' metrics could not be read"),
});
lifecycle.onEnd("figures", () => figures.end());
const addresses = {
  receiver: settings.RECEIVER_URL,
  distributor: settings.DISTRIBUTOR_URL,
  director: settings.DIRECTOR_URL,
  courier: settings.COURIER_URL,
  dispatcher: settings.DISPATCHER_URL,
};
const relay = new Relay({ addresses, tickets: new RelayTickets(redis, keys, secrets) });
const auditReader = new AuditReader(link, topicsOf(settings.NAMESPACE).audit);
const routes = [
  ...relayRoutes(relay),
  ...tryRoutes(relay, new Streams(registry), parts.now),
  auditRoute(auditReader),
  ...figureRoutes(figures, () => new Date()),
  ...sessionRoutes({ sessions, origin }),
  ...documentRoutes(parts),
  ...keyRoutes(parts),
  ...exchangeRoutes(written),
  ...queueRoutes(written),
  ...scheduleRoutes(written, () => new Date()),
  ...openSupport({ postgres, redis, link, namespace: settings.NAMESPACE, policyStore, refresh, format, lifecycle }),
  usageRoute(new TenantUse(postgres, settings.NAMESPACE)),
  explainRoute({ ...parts, refresh, policies, authenticator, cors: server.cors }),
];
serveDocs(server, openapi(routes));
const site = new Site(join(import.meta.dirname, "web/dist"));
server.site = (request) => site.answer(request);
server.onExposed = (request) => guard.turnAway("its token is in its query", "operate", request);
const tenants = new KeyedLimiter({ rate: settings.OPERATOR_RATE, burst: settings.OPERATOR_BURST });
const provider = openIdSettings(settings);
serveSignIn(server, {
  openId: provider && new OpenId(provider, secrets, parts.now),
  claim: settings.CONSOLE_OIDC_ROLES_CLAIM,
  mapping: settings.CONSOLE_OIDC_ROLES,
  sessions,
  origin,
  guard,
  now: parts.now,
  log,
});
serveRoutes(server, routes, { guard, tenants, sessions, origin, registry, log });
lifecycle.onEnd("http", () => server.close());

const port = await server.listen(settings.HOST, settings.PORT);
log.info({ port, routes: server.routes }, "listening");
