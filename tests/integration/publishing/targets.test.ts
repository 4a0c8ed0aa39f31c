import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { FullInboxes } from "@saasaparilla/shared/postgres/full-inboxes.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import { publicationKey, recipientId, type Target } from "@saasaparilla/shared/protocol/publication.ts";
import { connectPostgres, type Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { readAccepted } from "#tests/support/accepted-records.ts";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { readDispatch } from "#tests/support/dispatch-records.ts";
import { client, newKey, publishRequests, replayed, verdicts } from "#tests/support/publish-requests.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

const PARTITIONS = 3;
/** Of the tenant's queues, groups and exchanges, the publisher "shop" may name only those that begin with `my-`. */
const TARGETS = ["queue/my-*", "group/my-*", "exchange/my-*"];

let stack: Stack;
let receiver: Service;
let token: string;
let operator: ConsoleApi;
let postgres: Postgres;

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "director", "console"],
    env: { REPEAT_WAIT_MS: "2000", DISPATCH_PARTITIONS: String(PARTITIONS) },
  });
  receiver = stack.services[0]!;
  token = await stack.token({ publisher: "shop" });
  operator = await ConsoleApi.of(stack, stack.services[2]!);
  postgres = connectPostgres(stack.env.DATABASE_URL!, {
    service: "test",
    log: createLog("test", "warn"),
    health: new Health([]),
  });
  const grant = { role: "publisher", subjects: ["shop", "reader"], clients: ["*"], targets: TARGETS };
  await operator.does("PUT", "/acme/grants/shop", grant);
  await vi.waitFor(async () => {
    if ((await dryRun({ to: { group: "my-team" }, data: 1 })).status !== 200)
      throw new Error("the grant is not read yet");
  }, 10_000);
});

afterAll(async () => {
  await postgres.close();
  await stack.close();
});

const { publish, acceptedFor } = publishRequests(() => ({ stack, receiver, token }));
const dryRun = (body: unknown, bearer = token) =>
  publish(body, { query: "?dryRun=true", headers: { authorization: `Bearer ${bearer}` } });
const dispatched = async (id: string) => (await readDispatch(stack)).filter(({ head }) => head.id === id);

test("R57: each of several clients gets the data, with an id that derives from the publication's", async () => {
  const clients = Array.from({ length: 50 }, client);
  const before = await scrapeMetric(receiver, "notifications_accepted_total");
  const { status, body } = await publish({ to: { clients }, data: { n: 12 }, event: "e", ttl: 60 });
  expect(status).toBe(202);
  const [id] = verdicts({ body });
  const found = await acceptedFor(...clients);
  expect(found).toHaveLength(50);
  for (const one of found)
    expect(one).toMatchObject({ id: recipientId(id!, one.key), payload: '{"n":12}', event: "e", ttl: 60 });
  expect(await scrapeMetric(receiver, "notifications_accepted_total")).toBe(before + 50);
  // The rates count recipients.
  const remaining = (headers: Headers): number => Number(/r=(\d+)/.exec(headers.get("ratelimit")!)![1]);
  const [few, many] = [
    await publish({ to: { client: client() }, data: 1 }),
    await publish({ to: { clients }, data: 1 }),
  ];
  expect(remaining(many.headers)).toBeLessThan(remaining(few.headers));
});

test("R57: requests for the same clients keep their order", async () => {
  const clients = Array.from({ length: 5 }, client);
  for (let n = 0; n < 5; n += 1)
    await publish([
      { to: { clients }, data: n },
      { to: { clients: clients.toReversed() }, data: n + 0.5 },
    ]);
  const found = await acceptedFor(...clients);
  for (const one of clients)
    expect(found.filter(({ key }) => key === `acme/${one}`).map(({ payload }) => Number(payload))).toEqual([
      0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5,
    ]);
});

test("R51: a repeat for several clients sends nothing twice, by key or by id", async () => {
  const clients = Array.from({ length: 4 }, client);
  const id = randomUUID();
  for (const [more, headers] of [
    [{}, newKey()],
    [{ id }, {}],
  ] as const) {
    const item = { to: { clients }, data: "x", headers: { a: 1, b: 2 }, ...more };
    const first = await publish([item], { headers });
    const again = await publish([item], { headers });
    expect([again.body, replayed(again)]).toEqual([first.body, "true"]);
  }
  expect(await acceptedFor(...clients)).toHaveLength(8);
  // The order of headers is no content, and each option is.
  const item = { to: { clients }, data: "x", id };
  expect((await publish({ ...item, headers: { b: 2, a: 1 } })).status).toBe(202);
  for (const more of [
    {},
    { headers: { a: 1 } },
    { headers: { a: 1, b: 2 }, collapse: "k" },
    { headers: { a: 1, b: 2 }, delay: 1 },
  ])
    expect(await publish({ ...item, ...more })).toMatchObject({ status: 422, body: { type: "/problems/id-reused" } });
});

test("R57: a message to a queue is in accepted, and stored at once under the queue's key", async () => {
  const queue = `my-${randomUUID()}`;
  const { body } = await publish({ to: { queue }, data: "m", headers: { a: true }, collapse: "k" });
  const key = `acme/{${queue}}`;
  const [found] = (await readAccepted(stack)).filter((one) => one.key === key);
  expect(found).toMatchObject({
    id: verdicts({ body })[0],
    payload: '"m"',
    options: { headers: '{"a":true}', collapse: "k" },
  });
  const rows = async (): Promise<unknown[]> =>
    (await postgres.pool.query(`select client from "${stack.namespace}".stored_notifications where client = $1`, [key]))
      .rows;
  await expect.poll(rows).toEqual([{ client: key }]);
});

test("R57: a publication to a group or exchange, or for later, is in dispatch alone, with all its members", async () => {
  const at = "2099-12-24T09:00:00+01:00";
  const forms: [object, object][] = [
    [{ to: { group: "my-team" }, data: [1], event: "e", ttl: 9, headers: { b: 1, a: null } }, {}],
    [{ to: { exchange: "my-orders", key: "eu" }, data: "x", collapse: "k", outcomes: "my-done" }, {}],
    [
      { to: { client: "u1" }, data: "later", at },
      { at: Date.parse(at), charged: true },
    ],
    [{ to: { clients: ["u1", "u2"] }, data: "later", delay: 60 }, { charged: true }],
    [{ to: { queue: "my-q" }, collapse: "k", retract: true, delay: 0 }, { charged: true }],
    [
      { to: { client: "u1" }, data: "past", at: "1999-12-31T23:59:59Z" },
      { at: Date.parse("1999-12-31T23:59:59Z"), charged: true },
    ],
  ];
  const before = (await readAccepted(stack)).length;
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const { status, body } = await publish(
    forms.map(([form]) => form),
    { headers: { traceparent } },
  );
  expect(status).toBe(202);
  const all = await readDispatch(stack);
  for (const [index, [form, more]] of forms.entries()) {
    const { data = null, ...rest } = form as { data?: unknown; to: Target };
    const [found, second] = all.filter(({ head }) => head.id === verdicts({ body })[index]);
    expect(second).toBeUndefined();
    const { traceparent: told, ...head } = found!.head;
    expect(told).toBe(traceparent);
    expect(head).toEqual({ id: verdicts({ body })[index], tenant: "acme", publisher: "shop", ...rest, ...more });
    expect(found!.payload).toBe(JSON.stringify(data));
    expect(found!.partition).toBe(partitionOf(publicationKey("acme", rest.to), PARTITIONS));
  }
  expect(await readAccepted(stack)).toHaveLength(before);
});

test("R51: a repeated publication has the same id, and is in dispatch once", async () => {
  const headers = newKey();
  const item = { to: { group: "my-team" }, data: randomUUID(), delay: 5 };
  const first = await publish([item], { headers });
  const again = await publish([item], { headers });
  expect([again.body, replayed(again)]).toEqual([first.body, "true"]);
  expect(await dispatched(verdicts(first)[0]!)).toHaveLength(1);
});

test("R58: each item needs the right of its own target, also through outcomes", async () => {
  const good = client();
  const refused = [
    [{ to: { queue: "theirs" }, data: 1 }, "/to/queue"],
    [{ to: { group: "theirs" }, data: 1 }, "/to/group"],
    [{ to: { exchange: "theirs" }, data: 1, at: "2099-01-01T00:00:00Z" }, "/to/exchange"],
    [{ to: { client: good }, data: 1, outcomes: "theirs" }, "/outcomes"],
    [{ to: { queue: "action.pay" }, data: 1 }, "/to/queue"],
    [{ to: { queue: "endpoint.shop" }, data: 1 }, "/to/queue"],
  ] as const;
  const { status, body } = await publish([{ to: { client: good }, data: 1 }, ...refused.map(([item]) => item)]);
  expect([status, body.accepted]).toEqual([202, 1]);
  for (const [index, [, pointer]] of refused.entries())
    expect(body.items[index + 1].problem).toMatchObject({
      type: "/problems/target-forbidden",
      status: 403,
      errors: [{ pointer: `/${index + 1}${pointer}` }],
    });
  expect(await publish(refused[0][0])).toMatchObject({ status: 403, body: { type: "/problems/target-forbidden" } });
  expect((await dryRun(refused[0][0])).status).toBe(403);
  const other = await stack.token({ publisher: "other" });
  expect((await dryRun({ to: { group: "my-team" }, data: 1 }, other)).status).toBe(403);
});

test("R58: for several clients a publisher needs the right of each", async () => {
  const made = await operator.does("POST", "/acme/keys", { name: "k", scopes: ["publish"], clients: ["a-*"] });
  const headers = { authorization: `Bearer ${made.key as string}` };
  const ask = () => publish({ to: { clients: ["a-1", "b-1", "a-2", "b-2"] }, data: 1 }, { headers });
  await expect
    .poll(async () => (await ask()).body)
    .toMatchObject({
      type: "/problems/client-forbidden",
      errors: [{ pointer: "/to/clients/1" }, { pointer: "/to/clients/3" }],
    });
  expect((await publish({ to: { clients: ["a-1", "a-2"] }, data: 1 }, { headers })).status).toBe(202);
});

test("R55: a full queue refuses publishes to it, and those whose outcomes name it", async () => {
  const [queue, full] = [`my-${randomUUID()}`, new FullInboxes(postgres, stack.namespace)];
  // Directors unmark a queue whose oldest messages are gone.
  await publish({ to: { queue }, data: 0 });
  const key = `acme/{${queue}}`;
  await storedFor(stack, [`{${queue}}`], 1);
  const mark = `insert into "${stack.namespace}".full_clients (client, boundary) values ($1, $2)`;
  await postgres.pool.query(mark, [key, "f".repeat(19)]);
  const told = async (item: object) => {
    const { status, body } = await publish(item);
    return [status, body.errors?.map(({ pointer }: { pointer: string }) => pointer)];
  };
  await expect.poll(() => told({ to: { queue }, data: 1 })).toEqual([429, ["/to/queue"]]);
  expect(await told({ to: { client: "u1" }, data: 1, outcomes: queue })).toEqual([429, ["/outcomes"]]);
  expect(await told({ to: { queue }, data: 1, delay: 5 })).toEqual([429, ["/to/queue"]]);
  expect((await dryRun({ to: { queue }, data: 1 })).status).toBe(429);
  expect(await full.all(10)).toEqual([key]);
});

test("R58: a dry run says who would receive it and why, and sends nothing", async () => {
  const members = ["m1", "m2", "m3"];
  for (const member of members)
    await postgres.pool.query(
      `insert into "${stack.namespace}".members (client, tenant, name) values ($1, 'acme', 'my-crew')`,
      [`acme/${member}`],
    );
  const binding = (key: string) => ({ key, to: { queue: key } });
  const exchange = { type: "direct", bindings: [binding("eu"), binding("us")] };
  await operator.does("PUT", "/acme/exchanges/my-orders", exchange);
  await expect.poll(async () => (await dryRun({ to: { exchange: "my-orders", key: "eu" }, data: 1 })).status).toBe(200);
  const [accepted, dispatch] = [await readAccepted(stack), await readDispatch(stack)];
  const items = [
    { to: { client: "u1" }, data: 1 },
    { to: { clients: ["u1", "u2"] }, data: 1, outcomes: "my-done" },
    { to: { queue: "my-q" }, data: 1 },
    { to: { group: "my-crew" }, data: 1, at: "2099-01-01T00:00:00Z" },
    { to: { group: "my-empty" }, data: 1 },
    { to: { exchange: "my-orders", key: "eu" }, data: 1 },
    { to: { group: "theirs" }, data: 1 },
  ];
  const { status, body, headers } = await dryRun(items);
  expect([status, body.accepted, body.rejected]).toEqual([200, 6, 1]);
  expect(headers.get("ratelimit")).toMatch(/r=/);
  expect(body.items).toMatchObject([
    { recipients: 1, clients: ["u1"] },
    { recipients: 2, clients: ["u1", "u2"], outcomes: "my-done" },
    { to: { queue: "my-q" }, recipients: 1 },
    { to: { group: "my-crew" }, recipients: 3, at: "2099-01-01T00:00:00Z" },
    { to: { group: "my-empty" }, recipients: 0 },
    { to: { exchange: "my-orders" }, why: "1 of the exchange's 2 bindings match now." },
    { problem: { type: "/problems/target-forbidden" } },
  ]);
  expect(body.items[3]).not.toHaveProperty("clients");
  const reader = await stack.token({ publisher: "reader", scope: "publish read" });
  expect((await dryRun(items[3], reader)).body.items[0].clients.toSorted()).toEqual(members);
  expect(body.items[5]).not.toHaveProperty("bindings");
  expect((await dryRun(items[5], reader)).body.items[0].bindings).toMatchObject([
    { index: 0, matches: true, to: { queue: "eu" } },
    { index: 1, matches: false },
  ]);
  expect((await dryRun({ to: { exchange: "my-typo" }, data: 1 })).body).toMatchObject({
    type: "/problems/unknown-target",
    errors: [{ pointer: "/to/exchange" }],
  });
  expect(await readAccepted(stack)).toHaveLength(accepted.length);
  expect(await readDispatch(stack)).toHaveLength(dispatch.length);
  expect(await publish(items[0], { query: "?dryRun=yes" })).toMatchObject({ status: 400 });
  expect((await publish(items[0], { query: "?dryRun=false" })).status).toBe(202);
});
