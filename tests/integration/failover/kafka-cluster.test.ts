import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigResourceTypes, Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { topicSpecs } from "#services/provision/topic-specs.ts";
import { topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { ownBrokers, type OwnStore } from "#tests/faults/stores.ts";
import { startStack, type Stack } from "#tests/support/stack.ts";
import { SHORT_TIMES, BackgroundTraffic } from "#tests/support/background-traffic.ts";
import { AckedWrites } from "#tests/support/acked-writes.ts";

const BROKERS = 3;

let folder: string;
let brokers: OwnStore[] = [];
let stack: Stack;
let traffic: BackgroundTraffic | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "brokers-"));
  brokers = await ownBrokers(folder, BROKERS);
  await Promise.all(brokers.map((broker) => broker.start()));
  stack = await startStack({
    services: ["receiver", "director", "director", "distributor"],
    env: {
      ...SHORT_TIMES,
      KAFKA_BROKERS: brokers.map(({ url }) => url).join(","),
      REPLICAS: String(BROKERS),
      MIN_INSYNC: "2",
    },
  });
});

afterAll(async () => {
  try {
    await traffic?.close();
    await stack?.close();
  } finally {
    await Promise.all(brokers.map((broker) => broker.kill()));
    await rm(folder, { recursive: true });
  }
});

/** Retries on failure: the broker that it asks may be dead. */
function withAdmin<T>(use: (admin: ReturnType<Kafka["admin"]>) => Promise<T>): Promise<T> {
  return vi.waitFor(() => askOnce(use), { timeout: 60_000, interval: 200 });
}

async function askOnce<T>(use: (admin: ReturnType<Kafka["admin"]>) => Promise<T>): Promise<T> {
  const kafka = new Kafka({ brokers: stack.env.KAFKA_BROKERS!.split(","), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

/** How many brokers are in sync for every partition, as the cluster reports. */
async function inSync(): Promise<number[]> {
  const { topics } = await withAdmin((admin) => admin.fetchTopicMetadata());
  return [...new Set(topics.flatMap(({ partitions }) => partitions.map(({ isr }) => isr.length)))];
}

/** The number of in-sync brokers for a write. Kafka replaces a topic's settings as a whole. */
async function want(copies: number): Promise<void> {
  const sizes = {
    ACCEPTED_PARTITIONS: 12,
    ROUTED_PARTITIONS: 16,
    DISPATCH_PARTITIONS: 4,
    REPLICAS: BROKERS,
    MIN_INSYNC: copies,
  };
  const resources = topicSpecs(topicsOf(stack.namespace), sizes).map(({ topic, config }) => ({
    type: ConfigResourceTypes.TOPIC,
    name: topic,
    configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
  }));
  await withAdmin((admin) => admin.alterConfigs({ validateOnly: false, resources }));
}

test("provision creates each topic with the configured replicas, and the same number for writes", async () => {
  expect(await inSync()).toEqual([BROKERS]);
  const { resources } = await withAdmin(async (admin) => {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${stack.namespace}.`));
    const asked = { type: ConfigResourceTypes.TOPIC, configNames: ["min.insync.replicas"] };
    return admin.describeConfigs({
      includeSynonyms: false,
      resources: topics.map((name) => ({ name, ...asked })),
    });
  });
  expect(new Set(resources.map(({ configEntries }) => configEntries[0]!.configValue))).toEqual(new Set(["2"]));
});

test("an acknowledged send is in Kafka, even if a broker hands over its partitions meanwhile", async () => {
  const ackedWrites = new AckedWrites(stack);
  try {
    await ackedWrites.start(BROKERS);
    await ackedWrites.goesOn();
    const broker = brokers[randomInt(BROKERS)]!;
    // A rollout ends a broker like this: its partitions change leader at once.
    await broker.stop();
    await ackedWrites.goesOn();
    expect(await ackedWrites.missing()).toEqual([]);
    await broker.start();
    await expect.poll(inSync, { timeout: 60_000, interval: 200 }).toEqual([BROKERS]);
  } finally {
    await ackedWrites.stop();
  }
});

test("R32, R33, R34, R51: a broker dies under load and returns: nothing is lost, out of order or duplicated", async () => {
  const platform = (traffic = await BackgroundTraffic.start(stack, { clients: 60, rate: 150 }));
  await platform.flows();
  const broker = brokers[randomInt(BROKERS)]!;
  await broker.kill("SIGKILL");
  // Publishing and delivery continue while it is away.
  await platform.flows();

  // Three brokers are required, so two are too few: publishers hear of it, and continue once there are three.
  await want(BROKERS);
  await expect.poll(() => platform.refused, { timeout: 30_000 }).toBeGreaterThan(200);
  await want(BROKERS - 1);
  await platform.flows();

  await broker.start();
  await expect.poll(inSync, { timeout: 60_000, interval: 200 }).toEqual([BROKERS]);
  await platform.flows();
  await platform.drain();
  const { violations, figures } = platform.verdict;
  expect(violations).toEqual([]);
  expect(figures.received).toBe(figures.sent);
  expect(figures.sent).toBeGreaterThan(200);
});
