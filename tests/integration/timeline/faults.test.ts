import { afterAll, beforeAll, expect, test } from "vitest";
import { Publisher } from "#tests/support/publisher.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { serviceEnv, startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { startKafkaProxy, startProxy } from "#tests/support/tcp-proxy.ts";
import { gapsOf, kindsOfClient, rowCount } from "#tests/support/timeline-rows.ts";

/** Each event is in the timeline once, or in a gap, whatever fails meanwhile. */
let stack: Stack;
let publisher: Publisher;

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "director"],
    env: { TIMELINE_FOLLOW: "all", GROUP_SESSION_MS: "2000" },
  });
  publisher = await Publisher.of(stack);
});

afterAll(() => stack.close());

const within = { timeout: 40_000, interval: 200 };

/** All published to the client were accepted and stored, and no event is there twice. */
async function complete(client: string): Promise<void> {
  const published = publisher.accepted(client);
  await expect
    .poll(async () => {
      const kinds = await kindsOfClient(stack, client);
      return published.filter((id) => kinds.get(id)?.has("accepted") && kinds.get(id)?.has("stored")).length;
    }, within)
    .toBe(published.length);
  const { rows, kinds } = await rowCount(stack, client);
  expect(rows).toBe(kinds);
}

test("a recorder that is killed between inserts and commits leaves nothing out, and nothing twice", async () => {
  const survivor = await stack.start("recorder");
  for (let round = 0; round < 2; round += 1) {
    const victim = await stack.start("recorder");
    const stream = publisher.stream(["killed"], 10);
    await expect
      .poll(async () => (await rowCount(stack, "killed")).rows, { ...within, interval: 50 })
      .toBeGreaterThan(60 * (round + 1));
    victim.kill("SIGKILL");
    await stream.stop();
  }
  await complete("killed");
  survivor.kill("SIGKILL");
}, 120_000);

test("while Postgres is away events wait in Kafka, and afterwards each is there once", async () => {
  const { address, set, close } = await startProxy(new URL(stack.env.DATABASE_URL!).host);
  const url = new URL(serviceEnv(stack.env, "recorder").DATABASE_URL!);
  url.host = address;
  const recorder = await stack.start("recorder", { DATABASE_URL: url.href, PARTITION_MAX_BYTES: "20000" });
  await expect.poll(() => scrapeMetric(recorder, "partitions_owned"), within).toBe(4);
  await set("refuse");
  for (let round = 0; round < 10; round += 1) await publisher.number("away", 100);
  await expect.poll(() => scrapeMetric(recorder, "timeline_retries_total"), within).toBeGreaterThan(0);
  await expect.poll(() => scrapeMetric(recorder, "partition_pauses_total"), within).toBeGreaterThan(0);
  await set("pass");
  await complete("away");
  expect(await gapsOf(stack)).toEqual([]);
  recorder.kill("SIGKILL");
  await close();
}, 120_000);

test("a full buffer drops events, counts them, and leaves one gap with their number", async () => {
  const recorder = await stack.start("recorder");
  const small: Service = await stack.start("receiver", { TIMELINE_MAX_BYTES: "4000" });
  publisher.use(small);
  await publisher.number("full", 200);
  const dropped = await scrapeMetric(small, "timeline_events_dropped_total");
  expect(dropped).toBeGreaterThan(100);
  await expect.poll(() => scrapeMetric(small, "timeline_queued_bytes"), within).toBe(0);
  // The gap comes with the next events.
  await publisher.number("full", 1);
  await expect.poll(() => gapsOf(stack), within).toEqual([{ service: "receiver", count: dropped }]);
  await expect
    .poll(
      async () => [...(await kindsOfClient(stack, "full")).values()].filter((kinds) => kinds.has("accepted")).length,
      within,
    )
    .toBe(201 - dropped);
  publisher.use(stack.services[0]!);
  recorder.kill("SIGKILL");
}, 120_000);

test("a recorder without Kafka is not ready, and goes on when Kafka is back", async () => {
  const proxy = await startKafkaProxy(stack.env.KAFKA_BROKERS!.split(",")[0]!);
  const recorder = await stack.start("recorder", { KAFKA_BROKERS: proxy.address });
  await expect.poll(() => scrapeMetric(recorder, "partitions_owned"), within).toBe(4);
  await proxy.set("refuse");
  await publisher.number("kafka", 20);
  await expect.poll(async () => (await fetch(`${recorder.url}/health/ready`)).status, within).toBe(503);
  await proxy.set("pass");
  await complete("kafka");
  await recorder.stop();
  await proxy.close();
}, 120_000);
