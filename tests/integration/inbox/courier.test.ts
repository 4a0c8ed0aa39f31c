import { afterAll, beforeAll, expect, test } from "vitest";
import { clientKey, partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { accept } from "#tests/support/accepted-packs.ts";
import { inboxIds } from "#tests/support/inbox-rows.ts";
import { produce } from "#tests/support/kafka-records.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

const PARTITIONS = 4;
let stack: Stack;
let courier: Service;

beforeAll(async () => {
  stack = await startStack({ env: { INBOX_EVENTS: "*", ACCEPTED_PARTITIONS: String(PARTITIONS) } });
  // Published while no courier has ever run: it is in no inbox.
  await accept(stack, [{ client: "early" }]);
  courier = await stack.start("courier");
});

afterAll(() => stack.close());

const partition = partitionOf(clientKey("acme", "bad"), PARTITIONS);
const ids = async (client: string): Promise<string[]> => (await inboxIds(stack, [client])).get(client)!;

test("a courier is ready, and describes itself", async () => {
  const document = (await (await fetch(`${courier.url}/openapi.json`)).json()) as { info: { title: string } };
  expect(document.info.title).toBe("SaaSaparilla Notifications: courier");
  expect(await (await fetch(`${courier.url}/health/ready`)).json()).toMatchObject({ ready: true });
  expect(await scrapeMetric(courier, "inbox_tenants")).toBe(3);
  expect(await scrapeMetric(courier, "partitions_owned")).toBe(PARTITIONS);
  await expect.poll(() => scrapeMetric(courier, "inbox_weeks_ahead")).toBe(2);
});

test("each notification is in the inbox of its client once, and those before the first courier in none", async () => {
  const published = await accept(stack, [{ client: "a" }, { client: "a" }, { client: "a", ttl: 60 }]);
  await expect.poll(() => ids("a"), { timeout: 10_000 }).toEqual(published);
  expect(await ids("early")).toEqual([]);
});

test("what cannot be read is left out and counted, and what follows is not", async () => {
  const before = await scrapeMetric(courier, "inbox_notifications_total", 'result="bad"');
  const writer = new PackWriter();
  writer.notification({ key: "no key", id: "6e8bc430-9c3a-11d9-9669-0800200c9a66", payload: Buffer.from("1") });
  writer.notification({
    key: clientKey("acme", "bad"),
    id: "6e8bc430-9c3a-11d9-9669-0800200c9a67",
    payload: Buffer.from("2"),
  });
  await produce(stack, "accepted", partition, [Buffer.from("no pack"), null, writer.take()]);
  await expect.poll(() => ids("bad"), { timeout: 10_000 }).toEqual(["6e8bc430-9c3a-11d9-9669-0800200c9a67"]);
  expect((await scrapeMetric(courier, "inbox_notifications_total", 'result="bad"')) - before).toBe(3);
});

test("messages of queues are in no inbox", async () => {
  const before = await scrapeMetric(courier, "inbox_notifications_total", 'result="unlisted"');
  const writer = new PackWriter();
  writer.notification({
    key: "acme/{jobs}",
    id: "6e8bc430-9c3a-11d9-9669-0800200c9a68",
    payload: Buffer.from("1"),
  });
  await produce(stack, "accepted", 0, [writer.take()]);
  await expect
    .poll(async () => (await scrapeMetric(courier, "inbox_notifications_total", 'result="unlisted"')) - before)
    .toBe(1);
});

test("a later notification with the same collapse key replaces the earlier ones, in one batch and across batches", async () => {
  const [, second, other] = await accept(stack, [
    { client: "c", collapse: "k" },
    { client: "c", collapse: "k" },
    { client: "c", collapse: "other" },
  ]);
  await expect.poll(() => ids("c"), { timeout: 10_000 }).toEqual([second, other]);
  const [retract] = await accept(stack, [{ client: "c", collapse: "k", retract: true }]);
  await expect.poll(() => ids("c"), { timeout: 10_000 }).toEqual([other, retract]);
});
