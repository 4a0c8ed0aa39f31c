import { parseArgs } from "node:util";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { loadSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { drop } from "./drop.ts";
import { provision } from "./provision.ts";
import { settings as schema } from "./settings.ts";

/**
 * Creates missing parts and ends; repeating it is harmless. `--drop` removes a namespace with all its contents, and
 * `--repartition` grows accepted.
 */
const { values: flags } = parseArgs({
  options: { drop: { type: "boolean" }, yes: { type: "boolean" }, repartition: { type: "boolean" } },
});

try {
  const settings = loadSettings(schema);
  const log = createLog("provision", settings.LOG_LEVEL);
  const health = new Health(["kafka", "postgres"]);
  const link = new KafkaLink(settings, "provision", log, health);
  // Ten minutes: another run may hold the same lock, and a migration may have to count all stored rows.
  const postgres = connectPostgres(settings.DATABASE_URL, {
    service: "provision",
    log,
    health,
    connections: 2,
    statementMs: 600_000,
  });
  await postgres.reached();
  if (flags.drop) await drop(settings, { link, postgres, log, health }, flags.yes === true);
  else await provision(settings, { link, postgres, log, health }, flags.repartition);
  await postgres.close();
} catch (error) {
  process.stderr.write(`Provision failed: ${messageOf(error)}\n`);
  process.exit(1);
}
process.exit(0);
