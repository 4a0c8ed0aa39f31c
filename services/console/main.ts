import { Access } from "@saasaparilla/shared/access.ts";
import { AccessFeed } from "@saasaparilla/shared/access-feed.ts";
import { AccessStore } from "@saasaparilla/shared/access-store.ts";
import { Audit } from "@saasaparilla/shared/audit.ts";
import { Gate } from "@saasaparilla/shared/gate.ts";
import { Health } from "@saasaparilla/shared/health.ts";
import { HttpServer } from "@saasaparilla/shared/http.ts";
import { Identities } from "@saasaparilla/shared/identities.ts";
import { KafkaLink } from "@saasaparilla/shared/kafka.ts";
import { Lifecycle } from "@saasaparilla/shared/lifecycle.ts";
import { createLog } from "@saasaparilla/shared/log.ts";
import { createRegistry } from "@saasaparilla/shared/metrics.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres.ts";
import { loadSettings } from "@saasaparilla/shared/settings.ts";
import { topicsOf } from "@saasaparilla/shared/topics.ts";
import { documentRoutes, type ConsoleParts } from "./documents.ts";
import { explainRoute } from "./explain.ts";
import { keyRoutes } from "./keys.ts";
import { openapi } from "./openapi.ts";
import { serveRoutes } from "./routes.ts";
import { consoleSettings } from "./settings.ts";

const settings = loadSettings(consoleSettings);
const log = createLog("console", settings.LOG_LEVEL);
const lifecycle = new Lifecycle(log, settings.SHUTDOWN_MS);
const health = new Health(["access", "postgres"]);
const registry = createRegistry("console");

const postgres = connectPostgres(settings.DATABASE_URL, "console", log, health, 4);
lifecycle.onEnd("postgres", () => postgres.close());
const access = new Access();
const store = new AccessStore(postgres, settings.NAMESPACE);
const feed = new AccessFeed({ access, store, everyMs: settings.ACCESS_REFRESH_MS, health, registry, log });
lifecycle.onEnd("access", () => feed.end());
// Kafka takes the audit log, and nothing here waits for it.
const audit = new Audit({
  service: "console",
  link: new KafkaLink(settings, "console", log, new Health([])),
  topic: topicsOf(settings.NAMESPACE).audit,
  maxBytes: settings.AUDIT_MAX_BYTES,
  health,
  registry,
  log,
});
lifecycle.onEnd("audit", () => audit.close());

const identities = await Identities.from(settings, access);
const parts: ConsoleParts = {
  store,
  refresh: () => feed.refresh(),
  now: () => Math.floor(Date.now() / 1_000),
  issuer: settings.AUTH_ISSUER,
};
const routes = [...documentRoutes(parts), ...keyRoutes(parts), explainRoute({ ...parts, access, identities })];
const described = JSON.stringify(openapi(routes));

const server = new HttpServer({ health, registry, log, settings });
server.get("/openapi.json", () => ({
  status: 200,
  headers: { "content-type": "application/openapi+json" },
  body: described,
}));
serveRoutes(server, routes, { gate: new Gate(identities, audit, log), log });
lifecycle.onEnd("http", () => server.close());

const port = await server.listen(settings.HOST, settings.PORT);
log.info({ port, routes: server.routes }, "listening");
feed.start();
audit.start().catch((error: unknown) => lifecycle.fatal(error));
