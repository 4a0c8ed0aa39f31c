import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { publishRequests } from "#tests/support/publish-requests.ts";
import { grantQueues, QueueConsumer, sendToQueue, type Message } from "#tests/support/queue-consumer.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

const MOST = 10;
const PARTITIONS = 4;

let stack: Stack;
let receiver: Service;
let dispatcher: Service;
let token: string;
let consumer: QueueConsumer;

beforeAll(async () => {
  const env = { ACCEPTED_PARTITIONS: String(PARTITIONS), CLIENT_STORED: String(MOST), SWEEP_MS: "200" };
  stack = await startStack({ services: ["receiver", "director", "dispatcher", "console"], env });
  [receiver, , dispatcher] = stack.services as [Service, Service, Service];
  token = await stack.token({ publisher: "shop" });
  const desk = stack.services[3]!;
  const operator = await ConsoleApi.of(stack, desk);
  const grant = { role: "publisher", subjects: ["shop"], clients: ["*"], targets: ["*"] };
  await operator.does("PUT", "/acme/grants/shop", grant);
  await operator.does("PUT", "/acme/queues/poison", { maxAttempts: 1 });
  await grantQueues(stack, desk);
  consumer = await QueueConsumer.of(stack, dispatcher);
  await consumer.untilGranted("jobs");
  await vi.waitFor(async () => {
    const { status } = await publish({ to: { queue: "jobs" }, data: 1 }, { query: "?dryRun=true" });
    if (status !== 200) throw new Error("the grant is not read yet");
  }, 10_000);
});

afterAll(() => stack.close());

const { publish } = publishRequests(() => ({ stack, receiver, token }));

async function untilThere(queue: string, count: number): Promise<Message[]> {
  const read = async () => (await consumer.read(queue)).body.messages;
  await expect.poll(async () => (await read()).length, { timeout: 20_000, interval: 100 }).toBe(count);
  return read();
}

test("R63: messages of queues report that they were confirmed, expired, or went to quarantine", async () => {
  const [confirmed, late, dead] = [randomUUID(), randomUUID(), randomUUID()];
  const ask = { outcomes: "log", data: 1 };
  const sent = await publish([
    { id: confirmed, to: { queue: "jobs" }, ...ask },
    { id: late, to: { queue: "slow" }, ttl: 1, ...ask },
    { id: dead, to: { queue: "poison" }, ...ask },
  ]);
  expect(sent.body).toMatchObject({ accepted: 3 });
  const [job] = await untilThere("jobs", 1);
  for (let times = 0; times < 2; times += 1)
    expect((await consumer.confirm("jobs", job!.receipt)).body).toEqual({ confirmed: 1, unknown: [] });
  // Each claim ends at once, and the next one finds no attempt left.
  const claim = async () => (await consumer.claim("poison", { seconds: 1 })).body.messages.length;
  await expect.poll(claim).toBe(1);
  const quarantined = async () => {
    await claim();
    return scrapeMetric(dispatcher, "queue_messages_total", 'action="quarantined"');
  };
  await expect.poll(quarantined, { timeout: 10_000 }).toBe(1);
  const log = await untilThere("log", 3);
  const found = log.map(({ event, data }) => ({ event, ...(data as { id: string; queue: string; outcome: string }) }));
  expect(found).toHaveLength(3);
  expect(found).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ event: "outcome", id: confirmed, queue: "jobs", outcome: "acknowledged" }),
      expect.objectContaining({ event: "outcome", id: late, queue: "slow", outcome: "expired" }),
      expect.objectContaining({ event: "outcome", id: dead, queue: "poison", outcome: "dead" }),
    ]),
  );
  expect(await scrapeMetric(dispatcher, "outcomes_total", 'outcome="dead"')).toBe(1);
});

test("R75: two queues with one id need the source to redrive", async () => {
  const id = randomUUID();
  const operator = new QueueConsumer(dispatcher, await stack.token({ publisher: "op", scope: "operate" }));
  const desk = await ConsoleApi.of(stack, stack.services[3]!);
  await desk.does("PUT", "/acme/queues/poison.2", { maxAttempts: 1 });
  for (const queue of ["poison", "poison.2"]) {
    // A receiver refuses an id that it knows, but forgets it some day.
    await sendToQueue(stack, PARTITIONS, queue, [{ id }]);
    const claims = async () => {
      await consumer.claim(queue, { seconds: 1 });
      return (await operator.ask("GET", `/v1/quarantine`)).text;
    };
    await expect.poll(claims, { timeout: 10_000 }).toContain(`"id":"${id}","source":"queue/${queue}"`);
  }
  const redrive = (query: string) => operator.ask("POST", `/v1/quarantine/${id}/redrive${query}`);
  const pages: unknown[] = [];
  for (let after = ""; ;) {
    const { body } = await operator.ask("GET", `/v1/quarantine?limit=1${after}`);
    pages.push(...(body.items as { id: string; source: string }[]).map((item) => `${item.id} ${item.source}`));
    if (body.next === undefined) break;
    after = `&after=${encodeURIComponent(body.next as string)}`;
  }
  expect(pages).toEqual(expect.arrayContaining([`${id} queue/poison`, `${id} queue/poison.2`]));
  const refused = await redrive("");
  expect([refused.status, refused.body.detail]).toEqual([400, expect.stringContaining("queue/poison, queue/poison.2")]);
  expect((await redrive("?source=poison")).status).toBe(400);
  expect((await redrive("?source=queue/other")).status).toBe(404);
  expect((await redrive("?source=queue/poison.2")).body).toEqual({ redriven: id, source: "queue/poison.2" });
  expect((await redrive("")).body).toEqual({ redriven: id, source: "queue/poison" });
});

test("R55: a full queue refuses what is published to it, and what names it for outcomes, until it is read", async () => {
  const queue = "full";
  const many = Array.from({ length: MOST }, (_, n) => ({ to: { queue }, data: n }));
  expect((await publish(many)).body).toMatchObject({ accepted: MOST });
  await expect.poll(() => scrapeMetric(receiver, "clients_full"), { timeout: 30_000, interval: 100 }).toBe(1);
  const direct = await publish({ to: { queue }, data: 1 });
  expect(direct).toMatchObject({
    status: 429,
    body: { type: "/problems/client-full", errors: [{ pointer: "/to/queue" }] },
  });
  const asking = await publish({ to: { client: "u1" }, outcomes: queue, data: 1 });
  expect(asking).toMatchObject({
    status: 429,
    body: { type: "/problems/client-full", errors: [{ pointer: "/outcomes" }] },
  });
  const mixed = await publish([
    { to: { queue: "jobs" }, outcomes: queue, data: 1 },
    { to: { queue: "jobs" }, data: 2 },
    { to: { group: "team" }, outcomes: queue, data: 3 },
  ]);
  expect(mixed.body).toMatchObject({ accepted: 1, rejected: 2 });

  const messages = await untilThere(queue, MOST);
  await consumer.confirm(queue, ...messages.map(({ receipt }) => receipt));
  await expect.poll(() => scrapeMetric(receiver, "clients_full"), { timeout: 30_000, interval: 100 }).toBe(0);
  expect((await publish({ to: { client: "u1" }, outcomes: queue, data: 1 })).status).toBe(202);
});
