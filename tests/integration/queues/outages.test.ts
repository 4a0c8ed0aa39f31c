import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { grantQueues, QueueConsumer, sendToQueue, type Message } from "#tests/support/queue-consumer.ts";
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

test("R75: an operator lists the quarantine, and redrives a message, which has the same id", async () => {
  const other = `"${stack.namespace}".quarantine`;
  const client = new pg.Client({ connectionString: process.env.DATABASE_URL! });
  await client.connect();
  try {
    const [id] = await sendToQueue(stack, PARTITIONS, "poison", [{ data: '{"a": 1}', headers: '{"h":1}' }]);
    await expect.poll(async () => (await consumer.read("poison")).body.messages.length).toBe(1);
    const [{ receipt }] = (await consumer.read("poison")).body.messages as [Message];
    // As a claim with a limit of attempts moves it.
    await client.query(
      `insert into ${other} (tenant, id, source, reason, body)
       select 'acme', $1::uuid, 'queue/poison', 'attempts', body from "${stack.namespace}".stored_notifications where client = 'acme/{poison}'`,
      [id],
    );
    await consumer.confirm("poison", receipt);
    const operator = new QueueConsumer(dispatcher, await stack.token({ publisher: "op", scope: "operate" }));
    const { body, text } = await operator.ask("GET", "/v1/quarantine?limit=1");
    expect(body).toMatchObject({ items: [{ id, source: "queue/poison", reason: "attempts", headers: { h: 1 } }] });
    expect(text).toContain('"data":{"a": 1}}');
    expect((await operator.ask("GET", `/v1/quarantine?after=${id}`)).body).toEqual({ items: [] });
    expect((await operator.ask("POST", `/v1/quarantine/${id}/redrive`)).body).toEqual({
      redriven: id,
      source: "queue/poison",
    });
    await expect
      .poll(async () => (await consumer.read("poison")).body.messages)
      .toMatchObject([{ id, data: { a: 1 }, headers: { h: 1 }, attempts: 0 }]);
    expect((await operator.ask("POST", `/v1/quarantine/${id}/redrive`)).status).toBe(404);
    expect((await operator.ask("GET", "/v1/quarantine")).body).toEqual({ items: [] });
    expect((await operator.ask("GET", "/v1/quarantine?limit=0")).status).toBe(400);
    expect((await operator.ask("POST", "/v1/quarantine/x/redrive")).status).toBe(400);
  } finally {
    await client.end();
  }
});
