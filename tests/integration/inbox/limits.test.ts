import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accept, outcomesOf } from "#tests/support/accepted-packs.ts";
import { auditEntries } from "#tests/support/audit-entries.ts";
import { InboxApi } from "#tests/support/inbox-api.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { serviceEnv, startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { startProxy, type TcpProxy } from "#tests/support/tcp-proxy.ts";

/** What an inbox refuses, bounds and answers while its store is away. */
const OURS = "https://app.example.com";

let stack: Stack;
let courier: Service;
let inbox: InboxApi;
let proxy: TcpProxy;

beforeAll(async () => {
  stack = await startStack({
    services: ["director", "distributor", "courier"],
    env: { INBOX_EVENTS: "*", ALLOWED_ORIGINS: OURS, GROUP_SESSION_MS: "2000" },
  });
  courier = stack.services[2]!;
  inbox = new InboxApi(stack, courier);
  proxy = await startProxy(new URL(stack.env.DATABASE_URL!).host);
});

afterAll(async () => {
  await stack.close();
  await proxy.close();
});

/** A courier that reaches Postgres through the proxy. */
function behindProxy(): Promise<Service> {
  const url = new URL(serviceEnv(stack.env, "courier").DATABASE_URL!);
  url.host = proxy.address;
  return stack.start("courier", { DATABASE_URL: url.href });
}

test("a client of a tenant without an inbox gets 404, and the answer says how to turn it on", async () => {
  const without = new InboxApi(stack, await stack.start("courier", { INBOX_EVENTS: "" }));
  for (const answer of [await without.ask("u", "GET"), await without.mark("u", { ids: [randomUUID()], mark: "read" })])
    expect([answer.status, ((await answer.json()) as { type: string }).type]).toEqual([404, "/problems/no-inbox"]);
});

test("a client over its rate gets 429 with the time to wait, and no other client does", async () => {
  const slow = await stack.start("courier", { CLIENT_RATE: "1", CLIENT_BURST: "3" });
  const limited = new InboxApi(stack, slow);
  for (let n = 0; n < 3; n += 1) expect((await limited.ask("eager", "GET")).status).toBe(200);
  const refused = await limited.ask("eager", "GET");
  expect([refused.status, Number(refused.headers.get("retry-after"))]).toEqual([429, 1]);
  expect((await limited.ask("calm", "GET")).status).toBe(200);
  expect(await scrapeMetric(slow, "requests_limited_total", 'bound="client"')).toBe(1);
});

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

test("marks without an item are bounded: above 2,000 they go, and those with an item stay", async () => {
  const [id] = await accept(stack, [{ client: "marks" }]);
  await inbox.listed("marks", [id]);
  await inbox.marked("marks", { ids: [id], mark: "read" });
  const dropped = () => scrapeMetric(courier, "inbox_marks_dropped_total");
  const before = await dropped();
  for (let n = 0; n < 3; n += 1)
    await inbox.marked("marks", { ids: Array.from({ length: 1_000 }, () => randomUUID()), mark: "seen" });
  expect(await dropped()).toBe(before + 2_000);
  expect((await inbox.list("marks")).items.map(({ mark }) => mark)).toEqual(["read"]);
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

test("pages of a listed origin can read an inbox; other pages cannot", async () => {
  for (const origin of [OURS, "https://evil.example.com"]) {
    const allowed = origin === OURS ? OURS : null;
    const answer = await inbox.ask("page", "GET", "", { origin });
    expect(answer.headers.get("access-control-allow-origin")).toBe(allowed);
    const preflight = await fetch(`${courier.url}/v1/inbox/marks`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" },
    });
    expect(preflight.headers.get("access-control-allow-origin")).toBe(allowed);
  }
});

test("while Postgres is away lists and marks answer 503 with a time, and afterwards the counts are right", async () => {
  const client = "away";
  const ids = await accept(
    stack,
    Array.from({ length: 3 }, () => ({ client })),
  );
  await inbox.listed(client, ids.toReversed());
  const other = new InboxApi(stack, await behindProxy());
  expect((await other.list(client)).unread).toBe(3);
  await proxy.set("refuse");
  for (const answer of [await other.ask(client, "GET"), await other.mark(client, { ids: [ids[0]], mark: "read" })])
    expect([answer.status, answer.headers.has("retry-after")]).toEqual([503, true]);
  await proxy.set("pass");
  await expect.poll(async () => (await other.mark(client, { ids: [ids[0]], mark: "read" })).status).toBe(200);
  expect(await inbox.list(client)).toMatchObject({ unread: 2, unseen: 2 });
});

test("a courier that is killed between a mark and its answer loses no mark, and its repeat counts once", async () => {
  const client = "killed";
  const [one, two] = await accept(stack, [
    { client, outcomes: "q" },
    { client, outcomes: "q" },
  ]);
  await inbox.listed(client, [two, one]);
  const victim = await behindProxy();
  const other = new InboxApi(stack, victim);
  expect((await other.list(client)).unread).toBe(2);
  // Postgres gets each statement, and its answers are lost.
  await proxy.set("mute");
  const answer = other.mark(client, { ids: [one], mark: "read" }).then(
    ({ status }) => status,
    () => "no answer",
  );
  await expect.poll(() => scrapeMetric(victim, "inbox_requests_waiting")).toBeGreaterThanOrEqual(0);
  victim.kill("SIGKILL");
  expect(await answer).toBe("no answer");
  await proxy.set("pass");
  expect(await inbox.marked(client, { ids: [one], mark: "read" })).toEqual({ unread: 1, unseen: 1 });
  await expect.poll(async () => new Set((await outcomesOf(stack, [one!])).get(one!))).toEqual(new Set(["read"]));
  expect((await outcomesOf(stack, [two!])).get(two!)).toEqual([]);
});
