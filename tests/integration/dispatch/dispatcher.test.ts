import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dispatcherGroup, topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import type { Target } from "@saasaparilla/shared/protocol/publication.ts";
import { DeadLettersApi } from "#tests/support/dead-letters-api.ts";
import { produce } from "#tests/support/kafka-records.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

const PARTITIONS = 3;
let stack: Stack;
let dispatcher: Service;
let deadLettersApi: DeadLettersApi;

beforeAll(async () => {
  stack = await startStack({
    services: ["dispatcher", "director"],
    env: { DISPATCH_PARTITIONS: String(PARTITIONS) },
  });
  dispatcher = stack.services[0]!;
  deadLettersApi = await DeadLettersApi.of(stack, () => stack.services[1]!);
});

afterAll(() => stack.close());

/** The group's committed offset in each partition of dispatch; -1 before the first commit. */
async function commits(): Promise<number[]> {
  const admin = new Kafka({ brokers: stack.env.KAFKA_BROKERS!.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const topic = topicsOf(stack.namespace).dispatch;
    const [of] = await admin.fetchOffsets({ groupId: dispatcherGroup(stack.namespace), topics: [topic] });
    return of!.partitions.toSorted((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset));
  } finally {
    await admin.disconnect();
  }
}

test("a dispatcher is ready, describes itself, and owns the partitions of dispatch", async () => {
  const document = (await (await fetch(`${dispatcher.url}/openapi.json`)).json()) as { info: { title: string } };
  expect(document.info.title).toBe("SaaSaparilla Notifications: dispatcher");
  expect((await fetch(`${dispatcher.url}/docs`)).status).toBe(200);
  expect(await (await fetch(`${dispatcher.url}/health/ready`)).json()).toMatchObject({ ready: true });
  await expect.poll(() => scrapeMetric(dispatcher, "partitions_owned")).toBe(PARTITIONS);
});

test("an unreadable record of dispatch becomes a dead letter, and its offset is committed", async () => {
  const values = [Buffer.from("no pack"), null, Buffer.from([1, 0, 1, 0, 0, 0, 2, 9, 0])];
  await produce(stack, "dispatch", 1, values);
  await expect.poll(async () => (await commits())[1], { timeout: 15_000 }).toBe(values.length);
  const letters = await deadLettersApi.list();
  const topic = topicsOf(stack.namespace).dispatch;
  expect(letters.map(({ topic: of, partition, offset }) => ({ topic: of, partition, offset }))).toEqual(
    values.map((_, offset) => ({ topic, partition: 1, offset })),
  );
  expect(letters.map(({ reason }) => reason)).toEqual([
    expect.stringContaining("it does not start as a pack does"),
    expect.stringContaining("it does not start as a pack does"),
    expect.stringContaining("kind 9"),
  ]);
  expect(await scrapeMetric(dispatcher, "dead_letters_total")).toBe(values.length);
});

test("the next dispatcher goes on behind the committed records", async () => {
  expect(await dispatcher.stop()).toEqual({ code: 0, signal: null });
  const next = await stack.start("dispatcher");
  await produce(stack, "dispatch", 1, [Buffer.from("another")]);
  await expect.poll(() => scrapeMetric(next, "dead_letters_total"), { timeout: 15_000 }).toBe(1);
  expect(await scrapeMetric(next, "dispatch_read_total")).toBe(1);
});

test("the dead letter of a publication shows it, and is redriven to dispatch", async () => {
  const id = randomUUID();
  // A later version may know this target.
  const head = { id, tenant: "acme", publisher: "p", to: { team: "all" } as unknown as Target };
  const writer = new PackWriter();
  writer.publication({ head, payload: Buffer.from('{"a":1}') });
  await produce(stack, "dispatch", 2, [writer.take()]);
  const found = async () => (await deadLettersApi.list()).find(({ partition }) => partition === 2);
  await expect.poll(found, { timeout: 15_000 }).toBeDefined();
  const letter = (await found())!;
  const { content } = await deadLettersApi.show(letter.id);
  expect(content).toMatchObject({ items: [{ kind: "publication", ...head, data: { a: 1 } }] });
  expect(await deadLettersApi.redrive(letter.id)).toMatchObject({ topic: letter.topic, partition: 2, offset: 1 });
});

test("two dispatchers share the partitions, and one takes over from the other", async () => {
  const [first, second] = await Promise.all([stack.start("dispatcher"), stack.start("dispatcher")]);
  const owned = async (): Promise<number[]> =>
    Promise.all([first, second].map((service) => scrapeMetric(service, "partitions_owned")));
  await expect.poll(async () => (await owned()).every((count) => count > 0), { timeout: 30_000 }).toBe(true);
  await second.stop();
  await produce(stack, "dispatch", 0, [Buffer.from("after the end of its owner")]);
  await expect.poll(async () => (await commits())[0], { timeout: 30_000 }).toBe(1);
});
