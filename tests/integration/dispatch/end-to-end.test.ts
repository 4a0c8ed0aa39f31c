import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { recipientId } from "@saasaparilla/shared/protocol/publication.ts";
import { readAccepted } from "#tests/support/accepted-records.ts";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { startDispatchPlatform, type DispatchPlatform } from "#tests/support/dispatch-platform.ts";
import { readDispatch } from "#tests/support/dispatch-records.ts";
import { publishRequests } from "#tests/support/publish-requests.ts";
import { grantQueues, QueueConsumer } from "#tests/support/queue-consumer.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

let platform: DispatchPlatform;

beforeAll(async () => {
  const targets = ["group/team-*", "exchange/orders", "queue/changes"];
  platform = await startDispatchPlatform({ services: ["receiver", "distributor"], targets });
  await platform.operator.does("PUT", "/acme/exchanges/orders", {
    type: "direct",
    bindings: [
      { key: "eu", to: { group: "staff" } },
      { key: "eu", to: { clients: ["online", "boss"] } },
      { key: "eu", to: { queue: "exported" } },
    ],
  });
  await platform.dispatch.query(
    "insert into $schema.members (client, tenant, name) values ('acme/online', 'acme', 'staff'), ('acme/away', 'acme', 'staff')",
  );
  await grantQueues(platform.stack, platform.service("console"));
});

afterAll(() => platform.close());

const { publish } = publishRequests(() => ({
  stack: platform.stack,
  receiver: platform.service("receiver"),
  token: platform.token,
}));

async function published(...items: object[]): Promise<string[]> {
  const { status, body } = await publish(items);
  expect([status, body.rejected]).toEqual([202, 0]);
  return body.items.map(({ id }: { id: string }) => id);
}

const subscriber = async (client: string): Promise<Subscriber> =>
  (await Subscriber.of(platform.stack, { client, transport: "websocket" })).connect(platform.service("distributor"));

test("a connected member gets each publication, and an absent one gets them later, in order", async () => {
  const { api } = platform;
  await api.ask("POST", "groups/team-a/members", { add: ["online", "away", "gone"], remove: [] });
  await api.ask("DELETE", "groups/team-a/members/gone");
  const online = await subscriber("online");
  const group = { group: "team-a" };
  const ids: string[] = [];
  for (let n = 0; n < 5; n += 1)
    ids.push(...(await published({ to: group, data: n, event: "n" }, { to: group, data: n + 0.5 })));
  const data = [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5];
  await online.until("it has all", () => online.received.length >= data.length);
  const idsOf = (client: string) => ids.map((id) => recipientId(id, `acme/${client}`));
  expect(online.received.map((one) => one.data)).toEqual(data);
  expect(online.received.map(({ id }) => id)).toEqual(idsOf("online"));
  const away = await subscriber("away");
  await away.until("it has all", () => away.received.length >= data.length);
  expect(away.received.map((one) => one.data)).toEqual(data);
  expect(away.received.map(({ id }) => id)).toEqual(idsOf("away"));
  expect((await readAccepted(platform.stack)).filter(({ key }) => key === "acme/gone")).toEqual([]);
  for (const one of [online, away]) await one.close();
});

test("an exchange reaches a group, clients and a queue, and each recipient gets it once", async () => {
  const online = await subscriber("online");
  const before = online.received.length;
  const [id] = await published({ to: { exchange: "orders", key: "eu" }, data: { order: 1 }, headers: { total: 5 } });
  await online.until("it is here", () => online.received.length > before);
  expect(online.received.at(-1)).toMatchObject({ id: recipientId(id!, "acme/online"), data: { order: 1 } });
  const boss = await subscriber("boss");
  await boss.until("it is here", () => boss.received.length > 0);
  expect(await platform.dispatch.ended(id!)).toEqual({ state: "done", written: 4, refused: 0 });
  const consumer = await QueueConsumer.of(platform.stack, platform.service("dispatcher"));
  await consumer.untilGranted("exported");
  const messages = async () => (await consumer.read("exported", "?wait=10")).body.messages;
  expect(await messages()).toMatchObject([{ data: { order: 1 }, headers: { total: 5 } }]);
  for (const one of [online, boss]) await one.close();
});

test("a message to a queue is read by its consumer", async () => {
  const [id] = await published({ to: { queue: "changes" }, data: "changed", event: "order.changed" });
  const consumer = await QueueConsumer.of(platform.stack, platform.service("dispatcher"));
  await consumer.untilGranted("changes");
  const { messages } = (await consumer.read("changes", "?wait=10")).body;
  expect(messages).toMatchObject([{ id, data: "changed", event: "order.changed" }]);
});

test("`at` and `delay` arrive when they are due, at a connected client and at one that comes later", async () => {
  const present = await subscriber("present");
  const started = performance.now();
  const ids = await published(
    { to: { clients: ["present", "later"] }, data: "delay", delay: 2 },
    { to: { client: "present" }, data: "at", at: new Date(Date.now() + 1_000).toISOString() },
    { to: { client: "present" }, data: "past", at: "2000-01-01T00:00:00Z" },
  );
  await present.until("the past is now", () => present.received.length > 0);
  expect(present.received).toMatchObject([{ id: ids[2], data: "past" }]);
  await present.until("all is here", () => present.received.length >= 3);
  expect(performance.now() - started).toBeGreaterThan(1_900);
  expect(new Set(present.received.map((one) => one.data))).toEqual(new Set(["at", "delay", "past"]));
  expect(present.received.find((one) => one.data === "at")).toMatchObject({ id: ids[1] });
  const later = await subscriber("later");
  await later.until("it is here", () => later.received.length > 0);
  expect(later.received).toMatchObject([{ id: recipientId(ids[0]!, "acme/later"), data: "delay" }]);
  for (const one of [present, later]) await one.close();
});

test("no target is reached without a right: not by outcomes, exchanges, later times, dry runs or schedules", async () => {
  const written = async () => [
    (await readAccepted(platform.stack)).length,
    (await readDispatch(platform.stack)).length,
  ];
  const before = await written();
  const forms = [
    { to: { group: "staff" } },
    { to: { queue: "exported" } },
    { to: { exchange: "invoices" } },
    { to: { exchange: "invoices", key: "eu" }, delay: 1 },
    { to: { group: "staff" }, at: new Date(Date.now() + 1_000).toISOString() },
    { to: { client: "u1" }, outcomes: "exported" },
    { to: { group: "team-a" }, outcomes: "exported" },
    { to: { client: "u1" }, outcomes: "exported", delay: 1 },
  ];
  for (const form of forms)
    for (const query of ["", "?dryRun=true"]) {
      const { status, body } = await publish({ data: 1, ...form }, { query });
      expect({ form, status, type: body.type }).toEqual({ form, status: 403, type: "/problems/target-forbidden" });
    }
  const publisher = new ConsoleApi(platform.service("console"), platform.token);
  for (const name of ["schedules/s", "exchanges/orders"]) {
    const document =
      name === "schedules/s"
        ? { cron: "* * * * * *", zone: "UTC", to: { group: "staff" }, data: 1 }
        : { type: "fanout", bindings: [{ to: { group: "staff" } }] };
    expect((await publisher.ask("PUT", `/acme/${name}`, document)).status).toBe(403);
  }
  expect(await written()).toEqual(before);
});

test("a right that is taken away counts for the next publish", async () => {
  await platform.operator.does("PUT", "/acme/grants/shop", {
    role: "publisher",
    subjects: ["shop"],
    targets: ["queue/changes"],
  });
  const refused = async () => (await publish({ to: { group: "team-a" }, data: 1 })).status === 403;
  await vi.waitUntil(refused, 20_000);
  await vi.waitUntil(async () => (await platform.api.ask("GET", "groups/team-a")).status === 403, 20_000);
  expect((await publish({ to: { queue: "changes" }, data: 1 })).status).toBe(202);
});
