import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { directorGroup, topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { grantQueues, QueueConsumer, sendToQueue, type Message, type Sent } from "#tests/support/queue-consumer.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

const PARTITIONS = 4;

let stack: Stack;
let dispatcher: Service;
let consumer: QueueConsumer;

beforeAll(async () => {
  const env = { ACCEPTED_PARTITIONS: String(PARTITIONS), SWEEP_MS: "200", GROUP_SESSION_MS: "1500" };
  stack = await startStack({ services: ["director", "dispatcher", "console"], env });
  dispatcher = stack.services[1]!;
  await grantQueues(stack, stack.services[2]!, ["queue/jobs*", "queue/changes"]);
  consumer = await QueueConsumer.of(stack, dispatcher);
  await consumer.untilGranted("jobs");
});

afterAll(() => stack.close());

const send = (queue: string, messages: readonly Sent[]): Promise<string[]> =>
  sendToQueue(stack, PARTITIONS, queue, messages);

async function untilThere(queue: string, count: number): Promise<Message[]> {
  await expect.poll(async () => (await consumer.read(queue)).body.messages.length, { interval: 50 }).toBe(count);
  return (await consumer.read(queue)).body.messages;
}

const data = (messages: readonly Message[]): unknown[] => messages.map((message) => message.data);

test("R70: a message has all that its publisher wrote, byte for byte", async () => {
  const text = '{"n": 12345678901234567890, "t":"\\u00e9é",\t"a":[1 ,2]}';
  const [id] = await send("jobs.bytes", [{ data: text, event: "job.new", headers: '{"ä":1,"b":null}' }]);
  const [message] = await untilThere("jobs.bytes", 1);
  expect(message).toMatchObject({ id, event: "job.new", headers: { ä: 1, b: null }, attempts: 0 });
  expect(Math.abs(Date.parse(message!.publishedAt) - Date.now())).toBeLessThan(60_000);
  expect((await consumer.read("jobs.bytes")).text).toContain(`"data":${text}}`);
  expect((await consumer.claim("jobs.bytes")).text).toContain(`"data":${text}}`);
});

test("R71: of five messages with 2 and 4 confirmed, 1, 3 and 5 are left, in order", async () => {
  await send(
    "jobs.five",
    [1, 2, 3, 4, 5].map((number) => ({ data: String(number) })),
  );
  const messages = await untilThere("jobs.five", 5);
  const [, second, , fourth] = messages.map(({ receipt }) => receipt);
  for (let times = 0; times < 2; times += 1)
    expect((await consumer.confirm("jobs.five", fourth!, second!)).body).toEqual({ confirmed: 2, unknown: [] });
  const { body } = await consumer.read("jobs.five");
  expect([data(body.messages), body.more]).toEqual([[1, 3, 5], false]);
  const some = await consumer.read("jobs.five", "?limit=2");
  expect([data(some.body.messages), some.body.more]).toEqual([[1, 3], true]);
  // A receipt of another queue is unknown here.
  const other = await consumer.confirm("jobs.other", second!);
  expect(other.body).toEqual({ confirmed: 0, unknown: [second] });
});

test("R71: no confirmed message comes back after a director is killed and another stores all again", async () => {
  const numbers = [1, 2, 3, 4, 5];
  await send(
    "jobs.killed",
    numbers.map((number) => ({ data: String(number) })),
  );
  const messages = await untilThere("jobs.killed", 5);
  await consumer.confirm("jobs.killed", messages[0]!.receipt, messages[2]!.receipt);
  const director = stack.services[0]!;
  director.kill("SIGKILL");
  await director.exited;
  await rewind();
  const swept = await scrapeMetric(dispatcher, "queue_messages_total", 'action="swept"');
  await stack.start("director");
  // What is sent later is stored later.
  await send("jobs.killed", [{ data: "6" }]);
  await expect
    .poll(async () => data((await consumer.read("jobs.killed")).body.messages), { timeout: 30_000 })
    .toEqual([2, 4, 5, 6]);
  // Message 1 was stored again, and deleted again.
  await expect
    .poll(() => scrapeMetric(dispatcher, "queue_messages_total", 'action="swept"'), { timeout: 10_000 })
    .toBeGreaterThan(swept);
  expect(data((await consumer.read("jobs.killed")).body.messages)).toEqual([2, 4, 5, 6]);
});

/** The next director reads accepted from its start, as if nothing was committed. */
async function rewind(): Promise<void> {
  const brokers = stack.env.KAFKA_BROKERS!.split(",");
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, offset: "0" }));
  const { accepted: topic } = topicsOf(stack.namespace);
  const groupId = directorGroup(stack.namespace);
  // Kafka refuses it until the killed member's session has ended.
  const set = () => admin.setOffsets({ groupId, topic, partitions });
  await vi.waitFor(set, { timeout: 20_000, interval: 250 });
  await admin.disconnect();
}

test("a waiting reader gets a message as soon as it is stored, and an empty list at the end of its wait", async () => {
  const waiting = consumer.read("jobs.wait", "?wait=20");
  await expect.poll(() => scrapeMetric(dispatcher, "queue_readers_waiting")).toBe(1);
  await send("jobs.wait", [{ data: "7" }]);
  expect(data((await waiting).body.messages)).toEqual([7]);
  expect((await consumer.read("jobs.never", "?wait=1")).body).toEqual({ messages: [], more: false });
});

test("R72: a claimed message is nobody else's until it is released or its claim ends", async () => {
  await send(
    "jobs.claims",
    [1, 2].map((number) => ({ data: String(number) })),
  );
  await untilThere("jobs.claims", 2);
  const first = await consumer.claim("jobs.claims", { limit: 1, seconds: 600 });
  const second = await consumer.claim("jobs.claims", { seconds: 1 });
  expect([data(first.body.messages), data(second.body.messages)]).toEqual([[1], [2]]);
  expect((await consumer.claim("jobs.claims")).body.messages).toEqual([]);
  const release = (...receipts: string[]) => consumer.ask("POST", "/v1/queues/jobs.claims/releases", { receipts });
  const extend = (...receipts: string[]) =>
    consumer.ask("POST", "/v1/queues/jobs.claims/extensions", { receipts, seconds: 600 });
  const mine = first.body.messages[0]!.receipt;
  expect((await extend(mine)).body).toEqual({ extended: 1, unknown: [] });
  expect((await release(mine)).body).toEqual({ released: 1, unknown: [] });
  expect((await extend(mine)).body).toEqual({ extended: 0, unknown: [mine] });
  // The second worker is dead: its message returns.
  const stale = second.body.messages[0]!.receipt;
  const attempts = async () => {
    await consumer.claim("jobs.claims", { seconds: 600 });
    return (await consumer.read("jobs.claims")).body.messages.map((message) => message.attempts);
  };
  await expect.poll(attempts).toEqual([2, 2]);
  expect((await extend(stale)).body).toEqual({ extended: 0, unknown: [stale] });
  expect((await consumer.confirm("jobs.claims", stale)).body).toEqual({ confirmed: 1, unknown: [] });
});

test("an expired message never comes", async () => {
  await send("jobs.ttl", [{ data: "1", ttl: 1 }, { data: "2" }]);
  await expect.poll(async () => data((await consumer.read("jobs.ttl")).body.messages)).toEqual([2]);
});

test("R74: the changes feed gives changes by id, until their ids are confirmed", async () => {
  const sent = [1, 2, 3].map((number) => ({ id: randomUUID(), data: String(number), event: "user.changed" }));
  await send("changes", [...sent, { data: "4" }]);
  await expect.poll(async () => (await consumer.ask("GET", "/api/changes")).body.changes.length).toBe(4);
  const { body } = await consumer.ask("GET", "/api/changes?limit=3&wait=5");
  expect(body.changes).toMatchObject(sent.map(({ id, event }, n) => ({ id, type: event, data: n + 1 })));
  expect(body.more).toBe(true);
  const unknown = randomUUID();
  const confirm = (...ids: string[]) => consumer.ask("POST", "/api/confirm-changes", { ids });
  expect((await confirm(sent[1]!.id.toUpperCase(), unknown)).body).toEqual({ confirmed: 1, unknown: [unknown] });
  const rest = (await consumer.ask("GET", "/api/changes")).body.changes;
  expect(rest.map(({ data: change, type }) => [change, type])).toEqual([
    [1, "user.changed"],
    [3, "user.changed"],
    [4, null],
  ]);
});

test("without a token, or without the target, every request is answered 403, whatever is there", async () => {
  await send("jobs.secret", [{}]);
  await untilThere("jobs.secret", 1);
  const { receipt } = (await consumer.read("jobs.secret")).body.messages[0]!;
  const nobody = new QueueConsumer(dispatcher, undefined);
  const subscriber = new QueueConsumer(dispatcher, await stack.token({ client: "consumer" }));
  for (const caller of [nobody, subscriber]) {
    for (const queue of ["jobs.secret", "no-such", "a%20b"]) {
      const answers = [
        await caller.read(queue),
        await caller.claim(queue),
        await caller.confirm(queue, receipt),
        await caller.ask("POST", `/v1/queues/${queue}/releases`, { receipts: [receipt] }),
        await caller.ask("POST", `/v1/queues/${queue}/extensions`, "not JSON"),
      ];
      expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403]);
    }
    expect((await caller.ask("GET", "/api/changes")).status).toBe(403);
    expect((await caller.ask("POST", "/api/confirm-changes", { ids: [randomUUID()] })).status).toBe(403);
    expect((await caller.ask("GET", "/v1/quarantine")).status).toBe(403);
    expect((await caller.ask("POST", `/v1/quarantine/${randomUUID()}/redrive`)).status).toBe(403);
  }
  // It may consume, but not this queue.
  expect((await consumer.read("elsewhere")).status).toBe(403);
  const other = new QueueConsumer(
    dispatcher,
    await stack.token({ publisher: "consumer", scope: "consume", tenant: "other" }),
  );
  expect((await other.read("jobs.secret")).status).toBe(403);
  expect((await consumer.read("jobs.secret")).body.messages).toHaveLength(1);
});

test("bad input is answered with its place and what was expected", async () => {
  for (const query of ["?limit=0", "?limit=1001", "?limit=x", "?wait=31", "?wait=-1"])
    expect(await consumer.read("jobs.bad", query)).toMatchObject({
      status: 400,
      body: { type: "/problems/invalid-value" },
    });
  const bodies: [string, unknown, string][] = [
    ["claims", { limit: 0 }, "/limit"],
    ["claims", { seconds: 43_201 }, "/seconds"],
    ["confirmations", { receipts: [] }, "/receipts"],
    ["confirmations", { receipts: ["nonsense"] }, "/receipts/0"],
    ["extensions", { receipts: ["0".repeat(25)], seconds: 0 }, "/seconds"],
    ["releases", {}, "/receipts"],
  ];
  for (const [action, body, pointer] of bodies)
    expect(await consumer.ask("POST", `/v1/queues/jobs.bad/${action}`, body)).toMatchObject({
      status: 400,
      body: { type: "/problems/invalid-shape", errors: [{ pointer }] },
    });
  expect((await consumer.ask("POST", "/api/confirm-changes", { ids: ["1"] })).body).toMatchObject({
    errors: [{ pointer: "/ids/0" }],
  });
  // A receipt without a claim extends nothing.
  expect((await consumer.ask("POST", "/v1/queues/jobs.bad/extensions", { receipts: ["0".repeat(25)] })).body).toEqual({
    extended: 0,
    unknown: ["0".repeat(25)],
  });
});
