import { Askers } from "@saasaparilla/shared/askers.ts";
import { serveDocs } from "@saasaparilla/shared/docs.ts";
import { openEntrance } from "@saasaparilla/shared/entrance.ts";
import { Health } from "@saasaparilla/shared/health.ts";
import { HttpServer } from "@saasaparilla/shared/http.ts";
import { KafkaLink } from "@saasaparilla/shared/kafka.ts";
import { Lifecycle } from "@saasaparilla/shared/lifecycle.ts";
import { createLog } from "@saasaparilla/shared/log.ts";
import { createRegistry } from "@saasaparilla/shared/metrics.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres.ts";
import { Secrets } from "@saasaparilla/shared/secrets.ts";
import { loadSettings } from "@saasaparilla/shared/settings.ts";
import { TenantUse } from "@saasaparilla/shared/tenant-use.ts";
import { documentRoutes, type ConsoleParts } from "./documents.ts";
import { explainRoute } from "./explain.ts";
import { keyRoutes } from "./keys.ts";
import { openapi } from "./openapi.ts";
import { serveRoutes } from "./routes.ts";
import { consoleSettings } from "./settings.ts";
import { usageRoute } from "./usage.ts";

const settings = loadSettings(consoleSettings);
const log = createLog("console", settings.LOG_LEVEL);
const lifecycle = new Lifecycle(log, settings.SHUTDOWN_MS);
const health = new Health(["access", "postgres"]);
const registry = createRegistry("console");

const postgres = connectPostgres(settings.DATABASE_URL, "console", log, health, 4);
lifecycle.onEnd("postgres", () => postgres.close());
// Kafka takes the audit log, and nothing here waits for it.
const link = new KafkaLink(settings, "console", log, new Health([]));
const entrance = await openEntrance({ service: "console", settings, postgres, link, lifecycle, health, registry, log });
const { access, store, feed, identities, gate } = entrance;

const parts: ConsoleParts = {
  store,
  refresh: () => feed.refresh(),
  now: () => Math.floor(Date.now() / 1_000),
  issuer: settings.AUTH_ISSUER,
  secrets: new Secrets(settings.SECRETS_KEY),
  environment: settings.KEY_ENVIRONMENT,
  addresses: identities.addresses,
};
const server = new HttpServer({ health, registry, log, settings });
server.origins.follow(access);
const routes = [
  ...documentRoutes(parts),
  ...keyRoutes(parts),
  usageRoute(new TenantUse(postgres, settings.NAMESPACE)),
  explainRoute({ ...parts, access, identities, origins: server.origins }),
];
serveDocs(server, openapi(routes));
server.onExposed = (request) => gate.turnAway("its token is in its query", "operate", request);
const tenants = new Askers({ rate: settings.OPERATOR_RATE, burst: settings.OPERATOR_BURST });
serveRoutes(server, routes, { gate, tenants, registry, log });
lifecycle.onEnd("http", () => server.close());

const port = await server.listen(settings.HOST, settings.PORT);
log.info({ port, routes: server.routes }, "listening");
