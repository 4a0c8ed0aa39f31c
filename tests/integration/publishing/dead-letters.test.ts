import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { DeadLettersApi } from "#tests/support/dead-letters-api.ts";
import { startProxy, type TcpProxy } from "#tests/support/tcp-proxy.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { produce } from "#tests/support/kafka-records.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

const PARTITIONS = 3;

let stack: Stack;
let director: Service;
let distributor: Service;
let publisher: Publisher;
let deadLettersApi: DeadLettersApi;
let database: pg.Client;
let postgres: TcpProxy;
let redis: TcpProxy;

beforeAll(async () => {
  postgres = await startProxy(new URL(process.env.DATABASE_URL!).host);
  redis = await startProxy(new URL(process.env.REDIS_URL!).host);
  const env = { DRAIN_MS: "0", ACCEPTED_PARTITIONS: String(PARTITIONS) };
  stack = await startStack({ services: ["receiver", "distributor"], env });
  const behind = (url: string, { address }: TcpProxy): string => Object.assign(new URL(url), { host: address }).href;
  director = await stack.start("director", {
    DATABASE_URL: behind(process.env.DATABASE_URL!, postgres),
    REDIS_URL: behind(process.env.REDIS_URL!, redis),
  });
  distributor = stack.services[1]!;
  publisher = await Publisher.of(stack);
  deadLettersApi = await DeadLettersApi.of(stack, () => director);
  database = new pg.Client(process.env.DATABASE_URL);
  await database.connect();
});

afterAll(async () => {
  await database.end();
  await stack.close();
  await Promise.all([postgres.close(), redis.close()]);
});

const homeOf = (client: string): number => partitionOf(`acme/${client}`, PARTITIONS);
const deadLetters = (): Promise<number> => scrapeMetric(director, "dead_letters_total");

function pack(fill: (writer: PackWriter) => void): Buffer {
  const writer = new PackWriter();
  fill(writer);
  return writer.take();
}

/** One item of this kind. */
function item(kind: number, body: Buffer): Buffer {
  const head = Buffer.from([1, 0, 1, 0, 0, 0, 0, kind]);
  head.writeUInt32BE(1 + body.length, 3);
  return Buffer.concat([head, body]);
}

function notification(client: string, more: { data?: string; id?: string } = {}): Buffer {
  const { data = "1", id = randomUUID() } = more;
  return pack((writer) => writer.notification({ key: `acme/${client}`, id, payload: Buffer.from(data) }));
}

const malformed = {
  accepted: [
    Buffer.from("no pack"),
    Buffer.alloc(0),
    null,
    notification("cut").subarray(0, -1),
    notification("no client"),
    item(9, Buffer.from("of a later version")),
    item(1, Buffer.alloc(10)),
  ],
  control: [
    Buffer.from("{}"),
    item(3, Buffer.alloc(5)),
    item(4, Buffer.from("{")),
    item(4, Buffer.from('{"type":"prepare"}')),
    item(4, Buffer.from('{"type":"constructor"}')),
  ],
  deferred: [
    Buffer.from([1, 0, 0]),
    item(5, Buffer.alloc(7)),
    pack((writer) => writer.deferred({ appended: 1, sequence: "0".repeat(19), body: Buffer.from("no notification") })),
    pack((writer) => writer.deferred({ appended: 1, sequence: "z".repeat(19), body: notification("z").subarray(8) })),
  ],
} as const;

test.for(Object.keys(malformed) as (keyof typeof malformed)[])(
  "an unreadable record in %s becomes a dead letter with place and reason, and its partition continues",
  async (topic) => {
    const client = `beside-${topic}`;
    const subscriber = await Subscriber.of(stack, { client, transport: "websocket" });
    await subscriber.connect(distributor);
    await publisher.number(client, 3);
    const before = (await deadLettersApi.list()).length;
    const values = [...malformed[topic]];
    const first = await produce(stack, topic, homeOf(client), values);
    await publisher.number([client, `offline-${topic}`], 3);
    await subscriber.all(publisher);
    await storedFor(stack, [`offline-${topic}`], 3);
    await expect.poll(async () => (await deadLettersApi.list()).length).toBe(before + values.length);
    const letters = (await deadLettersApi.list()).slice(before);
    letters.forEach((letter, index) => {
      expect(letter).toMatchObject({
        topic: `${stack.namespace}.${topic}`,
        partition: homeOf(client),
        offset: first + index,
        size: values[index]?.length ?? 0,
        reason: expect.stringMatching(/\w{5}/),
      });
      expect(Math.abs(Date.parse(letter.when) - Date.now())).toBeLessThan(60_000);
    });
    const { content } = await deadLettersApi.show(letters[0]!.id);
    expect(content).toEqual({ base64: (values[0] ?? Buffer.alloc(0)).toString("base64") });
    // Records that are not repaired become dead letters again.
    const again = await deadLettersApi.redrive(letters[0]!.id);
    expect(again).toMatchObject({ redriven: letters[0]!.id, topic: letters[0]!.topic, partition: homeOf(client) });
    await expect
      .poll(async () => (await deadLettersApi.list()).at(-1))
      .toMatchObject({ offset: again.offset, reason: letters[0]!.reason });
    await publisher.number(client);
    await subscriber.all(publisher);
    await subscriber.close();
  },
);

test("a bad item among good ones is a dead letter with its place, the good ones arrive in order, and its bytes can be corrected", async () => {
  const client = "beside-a-bad-item";
  const subscriber = await Subscriber.of(stack, { client, transport: "websocket" });
  await subscriber.connect(distributor);
  const before = (await deadLettersApi.list()).length;
  const ids = Array.from({ length: 4 }, () => randomUUID());
  const body = notification(client, { data: JSON.stringify({ n: 9 }), id: ids[3]! }).subarray(8);
  const record = pack((writer) => {
    const good = (index: number): void =>
      writer.notification({
        key: `acme/${client}`,
        id: ids[index]!,
        payload: Buffer.from(JSON.stringify({ n: index })),
      });
    good(0);
    writer.item(9, body);
    good(1);
    good(2);
  });
  const offset = await produce(stack, "accepted", homeOf(client), [record]);
  const received = (): string[] => subscriber.received.map(({ id }) => id);
  await expect.poll(received).toEqual(ids.slice(0, 3));
  await expect.poll(async () => (await deadLettersApi.list()).length).toBe(before + 1);
  const letter = (await deadLettersApi.list()).at(-1)!;
  const place = { topic: `${stack.namespace}.accepted`, partition: homeOf(client), offset, index: 1 };
  expect(letter).toMatchObject({ ...place, reason: expect.stringContaining("kind 9") });
  // Nobody has corrected it: it comes back, now as a record of its own.
  const again = await deadLettersApi.redrive(letter.id);
  await expect
    .poll(async () => (await deadLettersApi.list()).at(-1))
    .toMatchObject({ offset: again.offset, index: 0, reason: letter.reason.replace("Item 1", "Item 0") });
  const { content } = await deadLettersApi.show(letter.id);
  const corrected = Buffer.from((content as { base64: string }).base64, "base64");
  corrected[7] = 1;
  await produce(stack, "accepted", homeOf(client), [corrected]);
  await expect.poll(received).toEqual(ids);
  await subscriber.close();
});

test("a dead letter of the largest record size keeps its headers, and blocks nothing", async () => {
  const before = (await deadLettersApi.list()).length;
  const size = 2 * 1024 * 1024 - 200;
  for (let sent = 0; sent < 3; sent += 1) await produce(stack, "accepted", homeOf("large"), [Buffer.alloc(size)]);
  await publisher.number("large");
  await storedFor(stack, ["large"], 1);
  await expect.poll(async () => (await deadLettersApi.list()).length).toBe(before + 3);
  const letter = (await deadLettersApi.list()).at(-1)!;
  expect((await deadLettersApi.show(letter.id)).size).toBe(size);
  await deadLettersApi.redrive(letter.id);
  await expect.poll(async () => (await deadLettersApi.list()).length).toBe(before + 4);
});

test("only the records that Postgres refuses become dead letters, and a redrive delivers them", async () => {
  const clients = Array.from({ length: 6 }, (_, n) => `refused-${n}`);
  const table = `"${stack.namespace}".stored_notifications`;
  await database.query(`alter table ${table} add constraint poison check (client <> 'acme/refused-3')`);
  const before = await deadLettersApi.list();
  await publisher.number(clients, 5);
  await storedFor(stack, clients, 25);
  await expect.poll(async () => (await deadLettersApi.list()).length).toBe(before.length + 5);
  const letters = (await deadLettersApi.list()).slice(before.length);
  expect(letters.map(({ notifications }) => notifications)).toEqual(
    publisher.accepted("refused-3").map((id) => [{ client: "acme/refused-3", id }]),
  );
  expect(letters[0]!.reason).toContain("poison");
  const { content } = await deadLettersApi.show(letters[0]!.id);
  expect(content).toMatchObject({ items: [{ kind: "notification", client: "acme/refused-3", data: { n: 0 } }] });
  // Everything is settled: the next director reads none of it again.
  await expect.poll(() => scrapeMetric(director, "notifications_unsettled")).toBe(0);

  await database.query(`alter table ${table} drop constraint poison`);
  for (const { id } of letters) await deadLettersApi.redrive(id);
  await storedFor(stack, clients, 30);
  const subscriber = await Subscriber.of(stack, { client: "refused-3", transport: "sse" });
  await subscriber.connect(distributor);
  await subscriber.all(publisher);
  await subscriber.close();
});

test("an outage of Postgres or Redis makes no dead letters", async () => {
  const client = "while-away";
  const before = await deadLetters();
  await Promise.all([postgres.set("refuse"), redis.set("refuse")]);
  await publisher.number(client, 50);
  await redis.set("pass");
  await expect.poll(() => scrapeMetric(director, "notifications_deferred_total")).toBeGreaterThan(49);
  // Each attempt to drain reads it, with the earlier deferred records.
  await produce(stack, "deferred", homeOf(client), [Buffer.from("no pack")]);
  const failures = await scrapeMetric(director, "dependency_failures_total", 'dependency="postgres"');
  await expect
    .poll(() => scrapeMetric(director, "dependency_failures_total", 'dependency="postgres"'))
    .toBeGreaterThan(failures + 2);
  expect(await deadLetters()).toBe(before);
  await postgres.set("pass");
  await storedFor(stack, [client], 50);
  await expect.poll(deadLetters).toBe(before + 1);
});

test("the newest dead letters are listed, newest last, and pages cover all of them", async () => {
  const all = await deadLettersApi.list();
  expect(all.map(({ when }) => when)).toEqual(all.map(({ when }) => when).toSorted());
  expect(await deadLettersApi.list("?limit=2")).toEqual(all.slice(-2));
  const paged: unknown[] = [];
  for (let after = "start"; after !== "";) {
    const { body } = await deadLettersApi.ask(`?limit=4&after=${after}`);
    expect((body.deadLetters as unknown[]).length).toBeLessThanOrEqual(4);
    paged.push(...(body.deadLetters as unknown[]));
    after = (body.next as string | undefined) ?? "";
  }
  expect(paged).toEqual(all);
});

test("a bad request of an operator is a problem with its cause; other callers learn nothing, and are logged once", async () => {
  const problems = [
    ["?limit=0", "GET", 400],
    ["?limit=501", "GET", 400],
    ["?after=x", "GET", 400],
    ["/0-999999", "GET", 404],
    ["/1-0", "GET", 404],
    ["/x", "GET", 404],
    ["/0-999999/redrive", "POST", 404],
  ] as const;
  for (const [path, method, status] of problems)
    expect(await deadLettersApi.ask(path, method)).toMatchObject({
      status,
      body: { status, detail: expect.any(String) },
    });

  const tokens = ["", await stack.token({ publisher: "p" }), await stack.token({ client: "c" })];
  for (const token of tokens)
    for (const [path, method] of [
      ["", "GET"],
      ["/0-0", "GET"],
      ["/0-0/redrive", "POST"],
    ] as const) {
      const logged = () => director.logs.filter(({ msg }) => msg === "forbidden").length;
      const before = logged();
      const headers = token === "" ? {} : { authorization: `Bearer ${token}` };
      const response = await fetch(`${director.url}/v1/dead-letters${path}`, { method, headers });
      expect(response.status).toBe(403);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(await response.text()).not.toContain("scope");
      await expect.poll(logged).toBe(before + 1);
    }
});
