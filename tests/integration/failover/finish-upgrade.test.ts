import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { coPartitioned } from "@saasaparilla/shared/kafka/partition-assigners.ts";
import { directorGroup, topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { FORMAT } from "@saasaparilla/shared/protocol/format.ts";
import { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { Redis } from "ioredis";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { provision, serviceEnv, startStack, type Service, type Stack } from "#tests/support/stack.ts";

/** A stand-in for a service of an earlier version has the names of its connections. */
let stack: Stack;
let receiver: Service;
let owner: pg.Client;
let table: (name: string) => string;

beforeAll(async () => {
  // No director: the stand-in of one joins its group.
  stack = await startStack({ services: ["receiver", "distributor", "console"] });
  receiver = stack.services[0]!;
  table = (name) => `"${stack.namespace}".${name}`;
  owner = await connect(stack.env.DATABASE_URL!, "test");
});

afterAll(async () => {
  await owner.end();
  await stack.close();
});

async function connect(connectionString: string, application_name: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, application_name });
  await client.connect();
  return client;
}

const setFormat = (format: number): Promise<unknown> =>
  owner.query(`update ${table("platform")} set format = ${format}`);

async function format(): Promise<number> {
  const { rows } = await owner.query<{ format: number }>(`select format from ${table("platform")}`);
  return rows[0]!.format;
}

async function reports(): Promise<{ service: string; format: number }[]> {
  const { rows } = await owner.query(`select service, format from ${table("service_formats")} order by service`);
  return rows as { service: string; format: number }[];
}

const finish = (...more: string[]): Promise<void> => provision(stack.env, ["--finish-upgrade", ...more]);

/** It fails, names this process, and changes nothing. */
async function refused(named: string): Promise<void> {
  await setFormat(1);
  await expect(finish("--wait", "0")).rejects.toThrow(named);
  expect(await format()).toBe(1);
}

test("a new platform has the newest format, and each service reports its own", async () => {
  expect(await format()).toBe(FORMAT);
  await expect
    .poll(reports)
    .toEqual(["console", "distributor", "receiver"].map((service) => ({ service, format: FORMAT })));
});

test("services read the format that finish-upgrade sets; a further run changes nothing", async () => {
  await setFormat(1);
  await expect.poll(() => scrapeMetric(receiver, "format_present")).toBe(1);
  await finish();
  expect(await format()).toBe(FORMAT);
  await expect.poll(() => scrapeMetric(receiver, "format_present")).toBe(FORMAT);
  await setFormat(FORMAT + 1);
  await finish();
  expect(await format()).toBe(FORMAT + 1);
});

test("finish-upgrade refuses while a service reports an older format, and names it; old reports do not count", async () => {
  const instance = randomUUID();
  const insert = `insert into ${table("service_formats")} values ($1, 'dispatcher', 1, now() - $2::interval)`;
  await owner.query(insert, [instance, "1 second"]);
  await refused(`dispatcher ${instance} reads only format 1`);
  await owner.query(`delete from ${table("service_formats")} where instance = $1`, [instance]);
  await owner.query(insert, [instance, "40 seconds"]);
  await finish("--wait", "20");
  expect(await format()).toBe(FORMAT);
});

test("services delete reports that are older than an hour, and their own at their end", async () => {
  const old = `insert into ${table("service_formats")} values ($1, 'gone', 1, now() - interval '61 minutes')`;
  await owner.query(old, [randomUUID()]);
  await expect.poll(async () => (await reports()).map(({ service }) => service)).not.toContain("gone");
  const second = await stack.start("console");
  const consoles = async (): Promise<number> => (await reports()).filter(({ service }) => service === "console").length;
  await expect.poll(consoles).toBe(2);
  await second.stop();
  expect(await consoles()).toBe(1);
});

test("finish-upgrade finds a service of an earlier version by its session in Postgres", async () => {
  const byRole = await connect(serviceEnv(stack.env, "receiver").DATABASE_URL!, "receiver");
  await refused("receiver at");
  await byRole.end();
  // Without roles, its last statement names the platform.
  const byStatement = await connect(stack.env.DATABASE_URL!, "console");
  await byStatement.query(`select version from ${table("access_version")}`);
  await refused("console at");
  await byStatement.query(`select 1 as "another_platform".x`).catch(() => undefined);
  await finish("--wait", "20");
  expect(await format()).toBe(FORMAT);
  await byStatement.end();
});

test("finish-upgrade finds a director of an earlier version in its Kafka group", async () => {
  const topics = topicsOf(stack.namespace);
  const kafka = new Kafka({
    brokers: stack.env.KAFKA_BROKERS!.split(","),
    clientId: "director",
    logLevel: logLevel.NOTHING,
  });
  const consumer = kafka.consumer({
    groupId: directorGroup(stack.namespace),
    partitionAssigners: [coPartitioned([topics.accepted], () => [])],
  });
  await consumer.connect();
  await consumer.subscribe({ topic: topics.accepted });
  await consumer.run({ eachMessage: async () => {} });
  await expect.poll(() => refused(`director at`).then(() => true)).toBe(true);
  await consumer.disconnect();
  await finish("--wait", "20");
  expect(await format()).toBe(FORMAT);
});

test("finish-upgrade refuses while the owner of a slot is in no Kafka group, or the stores do not answer", async () => {
  const redis = new Redis(stack.env.REDIS_URL!);
  const key = new Keys(stack.namespace).slot(15);
  await redis.set(key, "12345", "PX", 60_000);
  await refused(`the distributor of slot 15 is not in its Kafka group ${stack.namespace}.slot-15-12345`);
  await redis.del(key);
  redis.disconnect();
  await setFormat(1);
  await expect(
    provision({ ...stack.env, REDIS_URL: "redis://127.0.0.1:1" }, ["--finish-upgrade", "--wait", "0"]),
  ).rejects.toThrow(/cannot be finished[^]*unknown:/);
  expect(await format()).toBe(1);
  await finish("--wait", "20");
});

test("finish-upgrade says that a namespace is not provisioned, and refuses a wrong wait", async () => {
  const elsewhere = { ...stack.env, NAMESPACE: `${stack.namespace}_none` };
  await expect(provision(elsewhere, ["--finish-upgrade"])).rejects.toThrow("run the provision service first");
  await expect(finish("--wait", "soon")).rejects.toThrow("--wait must be a number of seconds");
});
