import { Kafka, logLevel } from "kafkajs";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { provision, startStack, type Stack } from "#tests/support/stack.ts";

let stack: Stack;
let postgres: pg.Client;
const admin = () => new Kafka({ brokers: stack.env.KAFKA_BROKERS!.split(","), logLevel: logLevel.NOTHING }).admin();

beforeAll(async () => {
  stack = await startStack({ env: { ACCEPTED_PARTITIONS: "3", ROUTED_PARTITIONS: "2" } });
  postgres = new pg.Client(stack.env.DATABASE_URL);
  await postgres.connect();
});

afterAll(async () => {
  await postgres.end();
  await stack.close();
});

async function epochs(): Promise<{ epoch: number; partitions: number }[]> {
  const { rows } = await postgres.query(`select epoch, partitions from "${stack.namespace}".epochs order by epoch`);
  return rows;
}

async function withAdmin<T>(use: (client: ReturnType<typeof admin>) => Promise<T>): Promise<T> {
  const client = admin();
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.disconnect();
  }
}

test("repeated runs change nothing, nor do four runs at once", async () => {
  const before = await epochs();
  await Promise.all([1, 2, 3, 4].map(() => provision(stack.env)));
  expect(await epochs()).toEqual(before);
});

test("sequences and clients sort by bytes, and stored notifications use eight partitions", async () => {
  const { rows: collations } = await postgres.query(
    `select column_name, collation_name from information_schema.columns
     where table_schema = $1 and table_name = 'stored_notifications' and collation_name is not null order by 1`,
    [stack.namespace],
  );
  const columns = ["client", "collapse", "outcomes", "sequence"];
  expect(collations).toEqual(columns.map((name) => ({ column_name: name, collation_name: "C" })));
  const { rows: parts } = await postgres.query("select relid from pg_partition_tree($1) where isleaf", [
    `${stack.namespace}.stored_notifications`,
  ]);
  expect(parts).toHaveLength(8);
});

test("missing slots and partitions of dispatch are added; accepted topics keep their partitions", async () => {
  await provision({ ...stack.env, ROUTED_PARTITIONS: "5", DISPATCH_PARTITIONS: "6", ACCEPTED_PARTITIONS: "7" });
  const { topics } = await withAdmin((client) =>
    client.fetchTopicMetadata({
      topics: ["accepted", "control", "routed", "dispatch"].map((name) => `${stack.namespace}.${name}`),
    }),
  );
  const counts = Object.fromEntries(topics.map(({ name, partitions }) => [name.split(".")[1], partitions.length]));
  expect(counts).toEqual({ accepted: 3, control: 3, routed: 5, dispatch: 6 });
});

test("dispatch keeps its records for seven days, and the broker sets their time", async () => {
  const topic = { type: 2, name: `${stack.namespace}.dispatch` };
  const { resources } = await withAdmin((client) =>
    client.describeConfigs({ includeSynonyms: false, resources: [topic] }),
  );
  const told = Object.fromEntries(resources[0]!.configEntries.map((entry) => [entry.configName, entry.configValue]));
  expect(told).toMatchObject({ "retention.ms": "604800000", "message.timestamp.type": "LogAppendTime" });
});

test("a recreated or repartitioned topic begins an epoch, and a crash on the way costs only a number", async () => {
  const first = (await epochs()).length;
  const accepted = `${stack.namespace}.accepted`;
  await withAdmin((client) => client.deleteTopics({ topics: [accepted] }));
  // The state that a run leaves if it dies after the row and before the topic.
  await postgres.query(`insert into "${stack.namespace}".epochs (epoch, partitions) values ($1, 3)`, [first + 1]);
  await provision(stack.env);
  expect((await epochs()).at(-1)).toEqual({ epoch: first + 2, partitions: 3 });
  await withAdmin((client) => client.createPartitions({ topicPartitions: [{ topic: accepted, count: 4 }] }));
  await provision(stack.env);
  await provision(stack.env);
  expect((await epochs()).at(-1)).toEqual({ epoch: first + 3, partitions: 4 });
  // A Postgres that was restored from a backup learns it from Kafka.
  await postgres.query(`delete from "${stack.namespace}".epochs where epoch > 1`);
  await provision(stack.env);
  expect((await epochs()).at(-1)).toEqual({ epoch: first + 3, partitions: 4 });
});

test("the audit topic of an earlier version gets a byte limit, and keeps its other settings", async () => {
  const audit = { type: 2, name: `${stack.namespace}.audit` };
  const set = { "retention.ms": "86400000", "max.message.bytes": "2097152" };
  const configEntries = Object.entries(set).map(([name, value]) => ({ name, value }));
  await withAdmin((client) => client.alterConfigs({ validateOnly: false, resources: [{ ...audit, configEntries }] }));
  await provision(stack.env);
  const { resources } = await withAdmin((client) =>
    client.describeConfigs({ includeSynonyms: false, resources: [audit] }),
  );
  const now = Object.fromEntries(resources[0]!.configEntries.map((entry) => [entry.configName, entry.configValue]));
  expect(now).toMatchObject({ ...set, "retention.bytes": String(1 << 30), "segment.bytes": String(64 << 20) });
});

test("a request that the cluster never grants ends provision with the reason", async () => {
  const refused = provision({ ...stack.env, NAMESPACE: `${stack.namespace}_refused`, REPLICAS: "9" });
  await expect(refused).rejects.toThrow("INVALID_REPLICATION_FACTOR");
  await provision({ ...stack.env, NAMESPACE: `${stack.namespace}_refused` }, ["--drop"]);
});
