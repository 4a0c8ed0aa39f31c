import pg from "pg";
import { courierGroup, topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { Kafka, logLevel } from "kafkajs";
import type { Stack } from "./stack.ts";

/** The ids in the inbox of each of these clients of acme, in the order of their sequences. */
export async function inboxIds(stack: Stack, clients: readonly string[]): Promise<Map<string, string[]>> {
  const client = new pg.Client({ connectionString: process.env.DATABASE_URL! });
  await client.connect();
  try {
    const { rows } = await client.query<{ client: string; id: string }>(
      `select client, id from "${stack.namespace}".inbox_items where client = any($1) order by client, sequence`,
      [clients.map((name) => `acme/${name}`)],
    );
    const ids = new Map<string, string[]>(clients.map((name) => [name, []]));
    for (const row of rows) ids.get(row.client.slice("acme/".length))!.push(row.id);
    return ids;
  } finally {
    await client.end();
  }
}

/** Offsets of accepted that couriers committed, by partition; -1 before the first commit. */
export async function courierCommits({ namespace, env }: Pick<Stack, "namespace" | "env">): Promise<number[]> {
  const admin = new Kafka({ brokers: env.KAFKA_BROKERS!.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const topic = topicsOf(namespace).accepted;
    const [of] = await admin.fetchOffsets({ groupId: courierGroup(namespace), topics: [topic] });
    return of!.partitions.toSorted((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset));
  } finally {
    await admin.disconnect();
  }
}
