import { parseArgs } from "node:util";
import { Failure, messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { loadSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { drop } from "./drop.ts";
import { finishUpgrade } from "./finish-upgrade.ts";
import { provision } from "./provision.ts";
import { settings as schema } from "./settings.ts";

/**
 * Creates missing parts and ends; repeating it is harmless. `--drop` removes a namespace with all its contents,
 * `--repartition` grows accepted, and `--finish-upgrade` lets the services write the newest form.
 */
const { values: flags } = parseArgs({
  options: {
    drop: { type: "boolean" },
    yes: { type: "boolean" },
    repartition: { type: "boolean" },
    "finish-upgrade": { type: "boolean" },
    /** Seconds, for --finish-upgrade. */
    wait: { type: "string", default: "60" },
  },
});

try {
  const settings = loadSettings(schema);
  const log = createLog("provision", settings.LOG_LEVEL);
  const waitSeconds = /^\d{1,4}$/.test(flags.wait) ? Number(flags.wait) : Number.NaN;
  if (Number.isNaN(waitSeconds))
    throw new Failure("fatal", `--wait must be a number of seconds from 0 to 9999, not ${JSON.stringify(flags.wait)}.`);
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
  const parts = { link, postgres, log, health };
  if (flags.drop) await drop(settings, parts, flags.yes === true);
  else if (flags["finish-upgrade"]) await finishUpgrade(settings, parts, waitSeconds * 1_000);
  else await provision(settings, parts, flags.repartition);
  await postgres.close();
} catch (error) {
  process.stderr.write(`Provision failed: ${messageOf(error)}\n`);
  process.exit(1);
}
process.exit(0);
