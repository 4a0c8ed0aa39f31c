import { cursorTag, packSequence, sequenceAt, toCursor } from "@saasaparilla/shared/protocol/notification.ts";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { accept, outcomesOf } from "#tests/support/accepted-packs.ts";
import { auditEntries } from "#tests/support/audit-entries.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { serviceEnv, startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { startKafkaProxy, startProxy } from "#tests/support/tcp-proxy.ts";

/** Lists and marks at their bounds, and while a store or a courier is away. */
let stack: Stack;
let courier: Service;

const ORIGIN = "https://app.example.com";

beforeAll(async () => {
  stack = await startStack({ services: ["courier"], env: { INBOX_EVENTS: "*", ALLOWED_ORIGINS: ORIGIN } });
  courier = stack.services[0]!;
});

afterAll(() => stack.close());

/** A courier for one test. It must not keep partitions afterwards. */
async function passing(env: Record<string, string>): Promise<Service> {
  const service = await stack.start("courier", env);
  onTestFinished(async () => {
    service.kill("SIGKILL");
    await service.exited;
  });
  return service;
}

interface Asked {
  at?: Service;
  method?: string;
  path?: string;
  body?: unknown;
  scope?: string;
  headers?: Record<string, string>;
}

async function ask(client: string, asked: Asked = {}): Promise<Response> {
  const { at = courier, method = "GET", path = "", body, scope, headers } = asked;
  const token = await stack.token({ client, ...(scope && { scope }) });
  return fetch(`${at.url}/v1/inbox${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

const mark = (client: string, body: unknown, at?: Service): Promise<Response> =>
  ask(client, { method: "POST", path: "/marks", body, ...(at && { at }) });

interface Listed {
  items: { id: string; cursor: string; mark: string | null }[];
  unread: number;
  unseen: number;
}

const list = async (client: string, at?: Service): Promise<Listed> =>
  (await ask(client, { path: "?limit=500", ...(at && { at }) })).json() as Promise<Listed>;

async function listed(client: string, count: number): Promise<Listed> {
  await expect.poll(async () => (await list(client)).items?.length, { timeout: 20_000 }).toBe(count);
  return list(client);
}

test("R82: a cursor beyond the notifications that exist is refused, and marks none that come later", async () => {
  const [id] = await accept(stack, [{ client: "future" }]);
  const { items } = await listed("future", 1);
  const made = toCursor(sequenceAt(packSequence(0xffff, 0), 0), cursorTag("acme/future"));
  const ahead = toCursor(
    sequenceAt(packSequence(Number.parseInt(items[0]!.cursor.slice(0, 4), 16), 1e9), 0),
    cursorTag("acme/future"),
  );
  for (const upTo of [made, ahead]) {
    const refused = await mark("future", { upTo, mark: "read" });
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({ errors: [{ pointer: "/upTo" }] });
  }
  const [later] = await accept(stack, [{ client: "future" }]);
  expect((await listed("future", 2)).items).toMatchObject([
    { id: later, mark: null },
    { id, mark: null },
  ]);
  // The newest one of accepted may not be in the inbox yet: its cursor is not refused.
  expect((await mark("future", { upTo: (await list("future")).items[0]!.cursor, mark: "read" })).status).toBe(200);
});

test("R84: marking up to a cursor appends the outcome of each item once", async () => {
  const ids = await accept(stack, [
    { client: "once", outcomes: "q" },
    { client: "once", outcomes: "q" },
  ]);
  const { items } = await listed("once", 2);
  await mark("once", { upTo: items[1]!.cursor, mark: "read" });
  await mark("once", { upTo: items[0]!.cursor, mark: "read" });
  await mark("once", { upTo: items[0]!.cursor, mark: "read" });
  expect([...(await outcomesOf(stack, ids)).values()]).toEqual([["read"], ["read"]]);
});

test("R86: a deletion says what Kafka keeps, and is in the audit log", async () => {
  await accept(stack, [{ client: "person" }]);
  await listed("person", 1);
  const answer = await ask("operator", { method: "DELETE", path: "/person", scope: "operate" });
  expect(await answer.json()).toEqual({ deleted: 1, kafkaKeepsDays: 7 });
  await accept(stack, [{ client: "person" }]);
  await listed("person", 1);
  const done = async () =>
    (await auditEntries(stack)).filter((entry) => JSON.stringify(entry).includes("/v1/inbox/person")).length;
  await expect.poll(done, { timeout: 15_000 }).toBeGreaterThan(0);
});

test("R83: while Postgres is away lists and marks are answered 503 with Retry-After, and counts are right afterwards", async () => {
  const { address, set, close } = await startProxy(new URL(stack.env.DATABASE_URL!).host);
  onTestFinished(close);
  const url = new URL(serviceEnv(stack.env, "courier").DATABASE_URL!);
  url.host = address;
  const other = await passing({ DATABASE_URL: url.href });
  const ids = await accept(
    stack,
    Array.from({ length: 4 }, () => ({ client: "away" })),
  );
  await listed("away", 4);
  expect((await list("away", other)).unread).toBe(4);
  await set("refuse");
  for (const response of [
    await ask("away", { at: other }),
    await mark("away", { ids: [ids[0]], mark: "read" }, other),
  ]) {
    expect(response.status).toBe(503);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
  }
  expect(await scrapeMetric(other, "dependency_failures_total", 'dependency="postgres"')).toBeGreaterThan(0);
  await set("pass");
  await expect
    .poll(async () => (await mark("away", { ids: ids.slice(0, 3), mark: "read" }, other)).status, { timeout: 20_000 })
    .toBe(200);
  for (const at of [courier, other]) expect(await list("away", at)).toMatchObject({ unread: 1, unseen: 1 });
}, 90_000);

test("R84: while Kafka is away a mark that owes an outcome is answered 503, and afterwards the outcome and the mark are there", async () => {
  const { address, set, close } = await startKafkaProxy(stack.env.KAFKA_BROKERS!.split(",")[0]!);
  onTestFinished(close);
  const other = await passing({ KAFKA_BROKERS: address });
  const ids = await accept(stack, [{ client: "owed", outcomes: "q" }, { client: "owed" }]);
  await listed("owed", 2);
  await set("refuse");
  expect((await mark("owed", { ids: [ids[1]], mark: "read" }, other)).status).toBe(200);
  expect((await mark("owed", { ids: [ids[0]], mark: "read" }, other)).status).toBe(503);
  expect(await list("owed", other)).toMatchObject({ unread: 1 });
  expect(await scrapeMetric(other, "dependency_failures_total", 'dependency="kafka"')).toBeGreaterThan(0);
  expect(await scrapeMetric(other, "dependency_failures_total", 'dependency="postgres"')).toBe(0);
  await set("pass");
  await expect
    .poll(async () => (await mark("owed", { ids: [ids[0]], mark: "read" }, other)).status, { timeout: 30_000 })
    .toBe(200);
  expect(await list("owed")).toMatchObject({ unread: 0 });
  expect(new Set((await outcomesOf(stack, ids)).get(ids[0]!))).toEqual(new Set(["read"]));
}, 90_000);

test("R84: a courier that is killed between outcome, mark and answer leaves nothing out after the repeat", async () => {
  const ids = await accept(
    stack,
    Array.from({ length: 12 }, () => ({ client: "killed", outcomes: "q" })),
  );
  const { items } = await listed("killed", 12);
  for (let round = 0; round < 3; round += 1) {
    const victim = await stack.start("courier");
    const { cursor } = items[11 - round * 3]!;
    const answer = mark("killed", { upTo: cursor, mark: "read" }, victim).catch(() => undefined);
    // Each round ends it at another step.
    await expect
      .poll(async () => [...(await outcomesOf(stack, ids)).values()].flat().length + round, { interval: 1 })
      .toBeGreaterThan(round === 0 ? -1 : 0);
    victim.kill("SIGKILL");
    await Promise.all([victim.exited, answer]);
    const repeat = await mark("killed", { upTo: cursor, mark: "read" });
    expect(await repeat.json()).toEqual({ unread: 11 - round * 3, unseen: 11 - round * 3 });
  }
  await mark("killed", { upTo: items[0]!.cursor, mark: "read" });
  expect(await list("killed")).toMatchObject({ unread: 0, unseen: 0 });
  const outcomes = await outcomesOf(stack, ids);
  for (const id of ids) expect(new Set(outcomes.get(id))).toEqual(new Set(["read"]));
}, 120_000);

test("a client over its rate is answered 429, a tenant without an inbox 404, and only its origins get CORS headers", async () => {
  const strict = await passing({ CLIENT_RATE: "1", CLIENT_BURST: "2", INBOX_EVENTS: "" });
  const answers = [await ask("fast", { at: strict }), await ask("fast", { at: strict })];
  const over = await ask("fast", { at: strict });
  expect(answers.map(({ status }) => status)).toEqual([404, 404]);
  expect(await answers[0]!.json()).toMatchObject({ type: expect.stringMatching(/\/problems\/no-inbox$/) as string });
  expect(over.status).toBe(429);
  expect(Number(over.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await scrapeMetric(strict, "requests_limited_total", 'bound="client"')).toBe(1);
  expect((await ask("slow", { at: strict })).status).toBe(404);
  const from = async (origin: string) =>
    (await ask("page", { headers: { origin } })).headers.get("access-control-allow-origin");
  expect(await from(ORIGIN)).toBe(ORIGIN);
  expect(await from("https://evil.example.com")).toBeNull();
}, 60_000);
