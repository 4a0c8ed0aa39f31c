import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { storeSettings } from "@saasaparilla/shared/settings.ts";
import { CliError } from "#cli/command.ts";
import { askKafka, NAMESPACE, settingsOf } from "./kafka.ts";
import type { KafkaOptions } from "./kafka-options.ts";

interface Epoch {
  epoch: number;
  partitions: number;
  created: Date;
}

const settings = storeSettings.pick({ DATABASE_URL: true }).extend({ NAMESPACE });

/** The newest epoch is first. */
export async function readEpochs(options: KafkaOptions): Promise<Epoch[]> {
  const { DATABASE_URL, NAMESPACE: schema } = settingsOf(settings, options);
  const postgres = connectPostgres(DATABASE_URL, {
    service: "cli",
    log: createLog("cli", "fatal"),
    health: new Health([]),
    connections: 1,
  });
  try {
    const { rows } = await postgres.pool.query<Epoch>(
      `select epoch, partitions, created from "${schema}".epochs order by epoch desc`,
    );
    return rows;
  } catch (error) {
    throw new CliError(
      `The epochs cannot be read: ${messageOf(error) || "Postgres does not answer"}. Start Postgres, or set DATABASE_URL.`,
      { cause: error },
    );
  } finally {
    await postgres.close();
  }
}

export async function partitionsOf(options: KafkaOptions): Promise<number> {
  return askKafka(options, (link, { accepted }) => link.partitions(accepted));
}
