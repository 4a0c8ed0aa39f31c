import { afterAll, beforeAll, expect, test } from "vitest";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { grantQueues, QueueConsumer, sendToQueue } from "#tests/support/queue-consumer.ts";
import { startStack, serviceEnv, type Service, type Stack } from "#tests/support/stack.ts";
import { startProxy, type TcpProxy } from "#tests/support/tcp-proxy.ts";

const PARTITIONS = 4;

let postgres: TcpProxy;
let stack: Stack;
let dispatcher: Service;
let consumer: QueueConsumer;

beforeAll(async () => {
  postgres = await startProxy(new URL(process.env.DATABASE_URL!).host);
  const env = { ACCEPTED_PARTITIONS: String(PARTITIONS), SWEEP_MS: "200" };
  stack = await startStack({ services: ["console"], env });
  const through = (kind: "director" | "dispatcher"): Promise<Service> => {
    const url = new URL(serviceEnv(stack.env, kind).DATABASE_URL!);
    return stack.start(kind, { DATABASE_URL: Object.assign(url, { host: postgres.address }).href });
  };
  [, dispatcher] = await Promise.all([through("director"), through("dispatcher")]);
  await grantQueues(stack, stack.services[0]!);
  consumer = await QueueConsumer.of(stack, dispatcher);
  await consumer.untilGranted("jobs");
});

afterAll(async () => {
  await stack.close();
  await postgres.close();
});

test("R73: while Postgres is away every request is answered 503, and then all messages come, in order", async () => {
  await sendToQueue(stack, PARTITIONS, "jobs", [{ data: "1" }, { data: "2" }]);
  await expect.poll(async () => (await consumer.read("jobs")).body.messages.length).toBe(2);
  const [first] = (await consumer.read("jobs")).body.messages;
  const waiting = consumer.read("empty", "?wait=30");
  await postgres.set("reset");
  await sendToQueue(stack, PARTITIONS, "jobs", [{ data: "3" }, { data: "4" }]);
  const answers = [
    await waiting,
    await consumer.read("jobs"),
    await consumer.claim("jobs"),
    await consumer.confirm("jobs", first!.receipt),
    await consumer.ask("GET", "/api/changes"),
  ];
  for (const { status, retryAfter, body } of answers) {
    expect([status, body.type]).toEqual([503, "/problems/unavailable"]);
    expect(Number(retryAfter)).toBeGreaterThan(0);
  }
  await postgres.set("pass");
  const numbers = async () => {
    const { status, body } = await consumer.read("jobs");
    return status === 200 ? body.messages.map(({ data }) => data) : status;
  };
  await expect.poll(numbers, { timeout: 30_000 }).toEqual([1, 2, 3, 4]);
  expect((await consumer.confirm("jobs", first!.receipt)).body).toEqual({ confirmed: 1, unknown: [] });
  expect(await numbers()).toEqual([2, 3, 4]);
});

test("R75: a message after its last attempt is in quarantine, until an operator redrives it with the same id", async () => {
  const desk = await ConsoleApi.of(stack, stack.services[0]!);
  await desk.does("PUT", "/acme/queues/poison", { maxAttempts: 1 });
  const [id] = await sendToQueue(stack, PARTITIONS, "poison", [{ data: '{"a": 1}', headers: '{"h":1}' }]);
  // Each claim ends at once, and the next one finds no attempt left.
  const claim = async () => (await consumer.claim("poison", { seconds: 1 })).body.messages.length;
  await expect.poll(claim).toBe(1);
  const operator = new QueueConsumer(dispatcher, await stack.token({ publisher: "op", scope: "operate" }));
  const listed = async () => {
    await claim();
    return (await operator.ask("GET", "/v1/quarantine?limit=1")).body;
  };
  await expect
    .poll(listed, { timeout: 10_000 })
    .toMatchObject({ items: [{ id, source: "queue/poison", reason: "attempts", headers: { h: 1 } }] });
  expect((await consumer.read("poison")).body.messages).toEqual([]);
  expect((await operator.ask("GET", "/v1/quarantine")).text).toContain('"data":{"a": 1}}');
  expect((await operator.ask("GET", `/v1/quarantine?after=${id}`)).body).toEqual({ items: [] });
  expect((await operator.ask("GET", "/v1/quarantine?tenant=other")).body).toEqual({ items: [] });

  const redrive = () => operator.ask("POST", `/v1/quarantine/${id}/redrive`);
  expect((await redrive()).body).toEqual({ redriven: id, source: "queue/poison" });
  await expect
    .poll(async () => (await consumer.read("poison")).body.messages)
    .toMatchObject([{ id, data: { a: 1 }, headers: { h: 1 }, attempts: 0 }]);
  expect((await redrive()).status).toBe(404);
  expect((await operator.ask("GET", "/v1/quarantine")).body).toEqual({ items: [] });
  expect((await operator.ask("GET", "/v1/quarantine?limit=0")).status).toBe(400);
  expect((await operator.ask("POST", "/v1/quarantine/x/redrive")).status).toBe(400);
});
