import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accept, outcomesOf } from "#tests/support/accepted-packs.ts";
import { auditEntries } from "#tests/support/audit-entries.ts";
import { InboxApi } from "#tests/support/inbox-api.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { startProxy } from "#tests/support/tcp-proxy.ts";
import { serviceEnv, startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

/** Lists after repeats, other couriers, other devices and deletions. */
let stack: Stack;
let courier: Service;
let inbox: InboxApi;

beforeAll(async () => {
  stack = await startStack({
    services: ["director", "distributor", "courier"],
    env: { INBOX_EVENTS: "*", GROUP_SESSION_MS: "2000" },
  });
  courier = stack.services[2]!;
  inbox = new InboxApi(stack, courier);
});

afterAll(() => stack.close());

test("a repeat of an id is listed once, and replaces nothing that came after the first one", async () => {
  const [first, second] = await accept(stack, [{ client: "repeat" }, { client: "repeat" }]);
  const [older, newer] = await accept(stack, [
    { client: "repeat", collapse: "k" },
    { client: "repeat", collapse: "k" },
  ]);
  await inbox.listed("repeat", [newer, second, first]);
  await accept(stack, [
    { client: "repeat", id: first! },
    { client: "repeat", id: older!, collapse: "k" },
  ]);
  const [last] = await accept(stack, [{ client: "repeat" }]);
  await inbox.listed("repeat", [last, newer, second, first]);
  expect(await inbox.list("repeat")).toMatchObject({ unread: 4, unseen: 4 });
});

test("a repeat that another courier read is listed once", async () => {
  const [first, second] = await accept(stack, [{ client: "moved" }, { client: "moved" }]);
  await inbox.listed("moved", [second, first]);
  await courier.stop();
  courier = await stack.start("courier");
  inbox = new InboxApi(stack, courier);
  await accept(stack, [{ client: "moved", id: first! }]);
  const [last] = await accept(stack, [{ client: "moved" }]);
  await inbox.listed("moved", [last, second, first]);
  expect(await inbox.list("moved")).toMatchObject({ unread: 3, unseen: 3, more: false });
});

test("marks of two devices that were offline end the same in either order", async () => {
  const marks = (ids: string[], cursor: string) => [
    { ids: [ids[0], ids[1]], mark: "read" },
    { upTo: cursor, mark: "seen" },
    { ids: [ids[1]], mark: "archived" },
    { ids: [ids[2]], mark: "read" },
  ];
  const ends = [];
  for (const client of ["forth", "back"]) {
    const ids = await accept(
      stack,
      Array.from({ length: 4 }, () => ({ client })),
    );
    await inbox.listed(client, ids.toReversed());
    const all = marks(ids, (await inbox.list(client)).items[1]!.cursor);
    for (const mark of client === "back" ? all.toReversed() : all) await inbox.marked(client, mark);
    const { items, unread, unseen } = await inbox.list(client);
    ends.push({ unread, unseen, marks: items.map(({ id, mark }) => [ids.indexOf(id), mark]) });
  }
  expect(ends[0]).toEqual({
    unread: 1,
    unseen: 1,
    marks: [
      [3, null],
      [2, "read"],
      [0, "read"],
    ],
  });
  expect(ends[1]).toEqual(ends[0]);
});

test("R84: a mark that is repeated reports no item again, and one up to a cursor only the new ones", async () => {
  const client = "reported";
  const [one, two] = await accept(stack, [
    { client, outcomes: "q" },
    { client, outcomes: "q" },
  ]);
  await inbox.listed(client, [two, one]);
  await inbox.marked(client, { ids: [one], mark: "read" });
  const { cursor } = (await inbox.list(client)).items[0]!;
  for (let n = 0; n < 2; n += 1) await inbox.marked(client, { upTo: cursor, mark: "read" });
  const outcomes = await outcomesOf(stack, [one!, two!]);
  expect([...outcomes]).toEqual([
    [one, ["read"]],
    [two, ["read"]],
  ]);
});

test("R85: after a deletion, and for a mark of many items, a device is told to reload", async () => {
  const client = "reloads";
  const device = await Subscriber.of(stack, { client, transport: "websocket" });
  await device.connect(stack.services[1]!);
  await device.live();
  const reloads = () => device.frames.filter((frame) => frame.type === "inbox" && "reload" in frame).length;
  await inbox.marked(client, { ids: Array.from({ length: 900 }, () => randomUUID()), mark: "seen" });
  await device.until("the frame is here", () => reloads() === 1);
  expect((await inbox.ask("desk", "DELETE", `/${client}`, { scope: "operate" })).status).toBe(200);
  await device.until("the second one is here", () => reloads() === 2);
  await device.close();
});

test("R85: a long poll answers with a frame only when it is certain what is stored", async () => {
  const client = "polls";
  const [id] = await accept(stack, [{ client }]);
  await storedFor(stack, [client], 1);
  const proxy = await startProxy(new URL(stack.env.DATABASE_URL!).host);
  const url = new URL(serviceEnv(stack.env, "distributor").DATABASE_URL!);
  url.host = proxy.address;
  const distributor = await stack.start("distributor", { DATABASE_URL: url.href, DRAIN_MS: "0" });
  await proxy.set("hang");
  const authorization = `Bearer ${await stack.token({ client })}`;
  const poll = fetch(`${distributor.url}/v1/poll?wait=20`, { headers: { authorization } });
  // The poll is registered at some moment: each frame before it finds no connection.
  const heard = async (): Promise<number> => {
    await inbox.marked(client, { ids: [randomUUID()], mark: "seen" });
    return scrapeMetric(distributor, "inbox_frames_total", 'result="sent"');
  };
  await expect.poll(heard, { interval: 100 }).toBeGreaterThan(0);
  await proxy.set("pass");
  const answer = (await (await poll).json()) as { notifications: { id: string }[]; inbox: unknown[] };
  expect(answer.notifications.map((notification) => notification.id)).toEqual([id]);
  expect(answer.inbox.length).toBeGreaterThan(0);
  await proxy.close();
});

test("support reads the list of a client with the right to read, and a deletion is in the audit log", async () => {
  const [id] = await accept(stack, [{ client: "person" }]);
  await inbox.listed("person", [id]);
  const read = await inbox.ask("desk", "GET", "/person", { scope: "read" });
  expect(((await read.json()) as { items: { id: string }[] }).items.map((item) => item.id)).toEqual([id]);
  expect((await inbox.ask("desk", "DELETE", "/person", { scope: "read" })).status).toBe(403);
  expect((await inbox.ask("eraser", "DELETE", "/person", { scope: "operate" })).status).toBe(200);
  const committed = async () =>
    (await auditEntries(stack)).filter(({ subject, outcome }) => subject === "eraser" && outcome === "committed");
  await expect.poll(committed).toMatchObject([{ tenant: "acme", allowed: true, scope: "operate" }]);
});
