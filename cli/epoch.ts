import { Kafka, logLevel } from "kafkajs";
import pg from "pg";
import { kafka } from "#local/stores/kafka.ts";
import { postgres } from "#local/stores/postgres.ts";
import { UserError, command, reasonOf } from "#local/process/user-error.ts";

type Epoch = { epoch: number; partitions: number; created: Date };

const namespace = process.env.NAMESPACE || "notifications";
const FIX = "Start what is missing: npx just up";

async function epochs(): Promise<Epoch[]> {
  const client = new pg.Client({ connectionString: process.env.DATABASE_URL || postgres.url() });
  try {
    await client.connect();
    const { rows } = await client.query<Epoch>(
      `select epoch, partitions, created from "${namespace}".epochs order by epoch desc`,
    );
    return rows;
  } catch (error) {
    throw new UserError(`The epochs cannot be read: ${reasonOf(error)}.`, FIX, { cause: error });
  } finally {
    await client.end();
  }
}

/** What the topic has in truth: another number than its epoch's is a repartition that was not made known. */
async function partitions(): Promise<number> {
  const brokers = (process.env.KAFKA_BROKERS || kafka.url()).split(",");
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { retries: 2 } }).admin();
  try {
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata({ topics: [`${namespace}.accepted`] });
    return topics[0]!.partitions.length;
  } catch (error) {
    throw new UserError(`The accepted topic cannot be seen: ${reasonOf(error)}.`, FIX, { cause: error });
  } finally {
    await admin.disconnect();
  }
}

await command(async () => {
  const [all, present] = await Promise.all([epochs(), partitions()]);
  const line = (epoch: Epoch, note: string): string =>
    `${String(epoch.epoch).padStart(5)}  ${String(epoch.partitions).padStart(10)}  ${epoch.created.toISOString()}  ${note}`;
  const lines = all.map((epoch, index) => line(epoch, index === 0 ? "present" : ""));
  process.stdout.write(`${["EPOCH  PARTITIONS  BEGAN", ...lines].map((text) => text.trimEnd()).join("\n")}\n`);
  if (all[0]?.partitions !== present)
    throw new UserError(
      `${namespace}.accepted has ${present} partitions, which is no epoch yet: directors wait.`,
      "Run the provision service, and see docs/operations/epochs.md.",
    );
});
