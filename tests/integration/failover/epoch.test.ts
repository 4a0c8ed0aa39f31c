import { Kafka, logLevel, type Admin } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { startProxy } from "#tests/support/tcp-proxy.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { provision, startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

const CLIENTS = Array.from({ length: 12 }, (_, n) => `client-${n}`);

let stack: Stack;
let receiver: Service;
let director: Service;
let distributor: Service;
let publisher: Publisher;
let subscribers: Subscriber[];

beforeAll(async () => {
  stack = await startStack({ env: { DRAIN_MS: "0", ACCEPTED_PARTITIONS: "3", ROUTED_PARTITIONS: "4" } });
  await startServices();
});

afterAll(() => stack.close());

async function startServices(): Promise<void> {
  [receiver, director, distributor] = await Promise.all([
    stack.start("receiver"),
    stack.start("director"),
    stack.start("distributor"),
  ]);
  stack.services[0] ??= receiver;
  publisher ??= await Publisher.of(stack);
  publisher.use(receiver);
}

async function stopServices(): Promise<void> {
  await receiver.stop();
  await Promise.all([director.stop(), distributor.stop()]);
}

async function withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Kafka({ brokers: stack.env.KAFKA_BROKERS!.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

async function partitions(): Promise<Record<string, number>> {
  const topics = ["accepted", "control", "deferred"].map((name) => `${stack.namespace}.${name}`);
  const metadata = await withAdmin((admin) => admin.fetchTopicMetadata({ topics }));
  return Object.fromEntries(metadata.topics.map((topic) => [topic.name.split(".")[1], topic.partitions.length]));
}

/** Every client receives something live, keeps that cursor, and has more stored. */
async function holdCursors(): Promise<void> {
  subscribers ??= await Promise.all(CLIENTS.map((client) => Subscriber.of(stack, { client, transport: "websocket" })));
  for (const subscriber of subscribers) await subscriber.connect(distributor);
  await publisher.number(CLIENTS, 3);
  for (const subscriber of subscribers) {
    await subscriber.all(publisher);
    await subscriber.close();
  }
  await publisher.number(CLIENTS, 5);
  await storedFor(stack, CLIENTS, 5 * CLIENTS.length);
}

/**
 * Earlier stored notifications come first, then later stored ones, then new ones. A subscriber fails if a cursor goes
 * backwards.
 */
async function expectResumed(epoch: string): Promise<void> {
  const before = subscribers.map(({ received }) => received.length);
  await publisher.number(CLIENTS, 5);
  await storedFor(stack, CLIENTS, 10 * CLIENTS.length);
  for (const subscriber of subscribers) {
    await subscriber.connect(distributor);
    await subscriber.live();
  }
  await publisher.number(CLIENTS, 3);
  for (const [index, subscriber] of subscribers.entries()) {
    await subscriber.all(publisher);
    const since = subscriber.received.slice(before[index]).map(({ cursor }) => cursor);
    expect(since).toEqual(since.toSorted());
    expect(since[0]!.slice(0, 4)).toBe((Number(epoch) - 1).toString().padStart(4, "0"));
    expect(since.at(-1)!.slice(0, 4)).toBe(epoch);
    expect(subscriber.duplicates).toBe(0);
    await subscriber.close();
  }
}

test("a recreated accepted topic: clients continue with their cursors, and stored notifications come first", async () => {
  await holdCursors();
  await stopServices();
  const accepted = `${stack.namespace}.accepted`;
  await withAdmin(async (admin) => {
    await admin.deleteTopics({ topics: [accepted] });
    // Kafka answers before its brokers have the change: a provision run in between still finds the topic.
    await expect.poll(() => admin.listTopics(), { timeout: 60_000 }).not.toContain(accepted);
  });
  // It gets the size of the deferred topic, whatever the settings ask for.
  await provision({ ...stack.env, ACCEPTED_PARTITIONS: "5" });
  expect(await partitions()).toEqual({ accepted: 3, control: 3, deferred: 3 });
  await startServices();
  await expectResumed("0002");
});

test("repartitioning accepted, once settled and idle, repartitions control and deferred", async () => {
  await holdCursors();
  const repartition = (count: number): Promise<string> =>
    provision({ ...stack.env, ACCEPTED_PARTITIONS: String(count) }, ["--repartition"]).then(
      () => "done",
      (error: unknown) => String(error),
    );
  expect(await repartition(2)).toContain("cannot have fewer");
  await expect.poll(() => repartition(7)).toContain("directors are running");
  director.kill("SIGKILL");
  await director.exited;
  await publisher.number(CLIENTS);
  expect(await repartition(7)).toContain("are not settled");
  director = await stack.start("director");
  await storedFor(stack, CLIENTS, 6 * CLIENTS.length);
  await expect.poll(() => repartition(7)).toContain("directors are running");
  expect(await partitions()).toEqual({ accepted: 3, control: 3, deferred: 3 });
  await stopServices();
  expect(await repartition(7)).toBe("done");
  expect(await partitions()).toEqual({ accepted: 7, control: 7, deferred: 7 });
  await startServices();
  for (const subscriber of subscribers) {
    await subscriber.connect(distributor);
    await subscriber.all(publisher);
    await subscriber.close();
  }
  await expect.poll(() => scrapeMetric(director, "partitions_owned")).toBe(7);
  await publisher.number(CLIENTS, 5);
  for (const subscriber of subscribers) {
    await subscriber.connect(distributor);
    await subscriber.all(publisher);
    expect(subscriber.cursor!.slice(0, 4)).toBe("0003");
    await subscriber.close();
  }
});

test("a director that starts during a Postgres outage delivers live, and reports the problem", async () => {
  const postgres = await startProxy(new URL(process.env.DATABASE_URL!).host);
  try {
    await director.stop();
    await postgres.set("refuse");
    const url = Object.assign(new URL(process.env.DATABASE_URL!), { host: postgres.address }).href;
    director = await stack.start("director", { DATABASE_URL: url }, { ready: false });
    const subscriber = subscribers[0]!;
    await subscriber.connect(distributor);
    await subscriber.live();
    await publisher.number(CLIENTS, 20);
    await subscriber.all(publisher);
    const ready = await fetch(`${director.url}/health/ready`);
    expect(ready.status).toBe(503);
    const { missing } = (await ready.json()) as { missing: object };
    // No operator is admitted before the policies are read.
    expect(Object.keys(missing).toSorted()).toEqual(["access", "postgres"]);
    expect(await scrapeMetric(director, "dead_letters_total")).toBe(0);
    await postgres.set("pass");
    await director.ready();
    for (const other of subscribers.slice(1)) {
      await other.connect(distributor);
      await other.all(publisher);
      await other.close();
    }
    await subscriber.close();
  } finally {
    await director.stop();
    await postgres.close();
  }
});
