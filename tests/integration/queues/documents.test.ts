import { afterAll, beforeAll, expect, test } from "vitest";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { grantQueues, QueueConsumer, sendToQueue } from "#tests/support/queue-consumer.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

const PARTITIONS = 4;

let stack: Stack;
let dispatcher: Service;
let operator: ConsoleApi;
let consumer: QueueConsumer;

beforeAll(async () => {
  const env = { ACCEPTED_PARTITIONS: String(PARTITIONS) };
  stack = await startStack({ services: ["director", "dispatcher", "console"], env });
  dispatcher = stack.services[1]!;
  operator = await ConsoleApi.of(stack, stack.services[2]!);
  await grantQueues(stack, stack.services[2]!);
  consumer = await QueueConsumer.of(stack, dispatcher);
});

afterAll(() => stack.close());

test("the document of a queue decides how long a claim lasts, and after how many it goes to quarantine", async () => {
  const version = await scrapeMetric(dispatcher, "documents_version");
  await operator.does("PUT", "/acme/queues/jobs", { claimSeconds: 1, maxAttempts: 1 });
  await expect.poll(() => scrapeMetric(dispatcher, "documents_version")).toBeGreaterThan(version);
  // The grant has arrived.
  await expect.poll(async () => (await consumer.read("jobs")).status).toBe(200);
  await sendToQueue(stack, PARTITIONS, "jobs", [{ data: "1" }]);
  await expect.poll(async () => (await consumer.claim("jobs", {})).body.messages.length).toBe(1);
  // Its claim ends after a second. Without the document, it would last 30 s, and a second claim would return it.
  await expect
    .poll(
      async () => {
        const claimed = (await consumer.claim("jobs", {})).body.messages.length;
        return [claimed, await scrapeMetric(dispatcher, "queue_messages_total", 'action="quarantined"')];
      },
      { timeout: 15_000 },
    )
    .toEqual([0, 1]);
});
