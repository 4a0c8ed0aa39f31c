import { serveDocs } from "@saasaparilla/shared/http/openapi/pages.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { HttpServer } from "@saasaparilla/shared/http/server.ts";
import { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { Lifecycle } from "@saasaparilla/shared/runtime/lifecycle.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { createRegistry } from "@saasaparilla/shared/runtime/metrics.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { PlatformFormat } from "@saasaparilla/shared/postgres/platform-format.ts";
import { loadSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { openapi } from "#api/openapi.ts";
import { openTimeline } from "#timeline/open-timeline.ts";
import { createMetrics } from "./metrics.ts";
import { recorderSettings } from "./settings.ts";

/** ms between two reports of the newest form that it reads. */
const FORMAT_MS = 5_000;

const settings = loadSettings(recorderSettings);
const log = createLog("recorder", settings.LOG_LEVEL);
const lifecycle = new Lifecycle(log, settings.SHUTDOWN_MS);
const health = new Health(["kafka", "postgres", "partitions"]);
const registry = createRegistry("recorder");
const metrics = createMetrics(registry);

const server = new HttpServer({ health, registry, log, settings });
serveDocs(server, openapi());
const port = await server.listen(settings.HOST, settings.PORT);
lifecycle.onEnd("http", () => server.close());
log.info({ port, routes: server.routes }, "listening");

const postgres = connectPostgres(settings.DATABASE_URL, { service: "recorder", log, health });
lifecycle.onEnd("postgres", () => postgres.close());
// Startup does not wait for Postgres. Records wait in events while Postgres is away.
void postgres.reached();
const format = new PlatformFormat({
  postgres,
  namespace: settings.NAMESPACE,
  service: "recorder",
  everyMs: FORMAT_MS,
  registry,
  log,
});
lifecycle.onEnd("format", () => format.end());
format.start();
const kafka = new KafkaLink(settings, "recorder", log, health);
await openTimeline({ settings, postgres, kafka, lifecycle, health, metrics, log });
