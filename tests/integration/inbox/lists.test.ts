import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accept, outcomesOf } from "#tests/support/accepted-packs.ts";
import { auditEntries } from "#tests/support/audit-entries.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

interface Listed {
  items: { id: string; cursor: string; mark: string | null; data: unknown }[];
  unread: number;
  unseen: number;
  more: boolean;
  events: string[];
}

let stack: Stack;
let courier: Service;
let distributor: Service;

beforeAll(async () => {
  stack = await startStack({ services: ["director", "distributor", "courier"], env: { INBOX_EVENTS: "*" } });
  distributor = stack.services[1]!;
  courier = stack.services[2]!;
});

afterAll(() => stack.close());

async function ask(client: string, method: string, path: string, body?: unknown, scope?: string): Promise<Response> {
  const token = await stack.token({ client, ...(scope && { scope }) });
  return fetch(`${courier.url}/v1/inbox${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

async function list(client: string, query = ""): Promise<Listed> {
  const response = await ask(client, "GET", query);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${response.status} ${text}`);
  return JSON.parse(text) as Listed;
}

const ids = async (client: string, query = ""): Promise<string[]> =>
  (await list(client, query)).items.map(({ id }) => id);

async function listed(client: string, count: number): Promise<void> {
  await expect.poll(async () => (await ids(client, "?limit=500")).length, { timeout: 15_000 }).toBe(count);
}

async function marks(client: string, body: unknown): Promise<unknown> {
  const response = await ask(client, "POST", "/marks", body);
  return response.status === 200 ? response.json() : response.status;
}

test("R80, R81: pages have no gap and no repeat while new ones arrive, and a later collapse key or a retract removes", async () => {
  const old = await accept(
    stack,
    Array.from({ length: 10 }, () => ({ client: "pages" })),
  );
  await listed("pages", 10);
  const seen: string[] = [];
  for (let before = ""; ;) {
    const page = await list("pages", `?limit=3${before}`);
    seen.push(...page.items.map(({ id }) => id));
    if (!page.more) break;
    before = `&before=${page.items.at(-1)!.cursor}`;
    await accept(stack, [{ client: "pages" }]);
  }
  expect(seen).toEqual(old.toReversed());
  const [, second] = await accept(stack, [
    { client: "collapse", collapse: "k" },
    { client: "collapse", collapse: "k" },
  ]);
  await expect.poll(() => ids("collapse"), { timeout: 15_000 }).toEqual([second]);
  const [last] = await accept(stack, [
    { client: "collapse", collapse: "k", retract: true },
    { client: "collapse" },
  ]).then((accepted) => accepted.slice(1));
  await expect.poll(() => ids("collapse"), { timeout: 15_000 }).toEqual([last]);
});

test("R82: marks only rise, by ids and up to a cursor, and one that precedes its item holds", async () => {
  const early = randomUUID();
  expect(await marks("marks", { ids: [early], mark: "read" })).toEqual({ unread: 0, unseen: 0 });
  const [, second, third] = await accept(stack, [
    { client: "marks", id: early },
    { client: "marks" },
    { client: "marks" },
  ]);
  await listed("marks", 3);
  const { items, unread, unseen, events } = await list("marks");
  expect(items.map(({ mark }) => mark)).toEqual([null, null, "read"]);
  expect({ unread, unseen, events }).toEqual({ unread: 2, unseen: 2, events: ["*"] });
  expect(await marks("marks", { ids: [early], mark: "seen" })).toEqual({ unread: 2, unseen: 2 });
  expect(await marks("marks", { upTo: items[1]!.cursor, mark: "seen" })).toEqual({ unread: 2, unseen: 1 });
  expect((await list("marks")).items.map(({ mark }) => mark)).toEqual([null, "seen", "read"]);
  expect(await marks("marks", { ids: [second], mark: "archived" })).toEqual({ unread: 1, unseen: 1 });
  expect(await ids("marks")).toEqual([third, early]);
});

test("R83: another client's cursor is refused and audited, a malformed one is 400, and each right is needed", async () => {
  await accept(stack, [{ client: "mine" }, { client: "theirs" }]);
  await listed("mine", 1);
  await listed("theirs", 1);
  const { cursor } = (await list("theirs")).items[0]!;
  expect(await marks("mine", { upTo: cursor, mark: "read" })).toBe(403);
  const refused = await ask("mine", "GET", `?before=${cursor}`);
  expect(await refused.json()).toMatchObject({
    status: 403,
    type: "/problems/cursor-forbidden",
    fix: expect.stringContaining("cursor from the list of the client") as string,
  });
  expect(refused.headers.get("www-authenticate")).toBeNull();
  expect(await marks("mine", { upTo: "nonsense", mark: "read" })).toBe(400);
  expect((await ask("mine", "GET", "?before=nonsense")).status).toBe(400);
  expect((await ask("mine", "GET", "", undefined, "publish")).status).toBe(403);
  expect((await ask("mine", "GET", "/theirs")).status).toBe(403);
  expect((await ask("mine", "DELETE", "/theirs")).status).toBe(403);
  const audited = async () =>
    (await auditEntries(stack)).filter(({ why }) => why === "its cursor is of another client").length;
  await expect.poll(audited, { timeout: 15_000 }).toBe(2);
});

test("R84: the outcome read comes once it is read, with one id in each repeat", async () => {
  const early = randomUUID();
  await marks("outcomes", { ids: [early], mark: "read" });
  const [, later, unread] = await accept(stack, [
    { client: "outcomes", id: early, outcomes: "q" },
    { client: "outcomes", outcomes: "q" },
    { client: "outcomes", outcomes: "q" },
  ]);
  await listed("outcomes", 3);
  await marks("outcomes", { ids: [later], mark: "read" });
  await marks("outcomes", { ids: [later], mark: "read" });
  const outcomes = await outcomesOf(stack, [early, later!, unread!]);
  expect(new Set(outcomes.get(early))).toEqual(new Set(["read"]));
  expect(new Set(outcomes.get(later!))).toEqual(new Set(["read"]));
  expect(outcomes.get(unread!)).toEqual([]);
});

test.each(["websocket", "sse", "poll"] as const)(
  "R85: a mark on one device reaches another by %s",
  async (transport) => {
    const client = `device-${transport}`;
    const device = await Subscriber.of(stack, { client, transport });
    await device.connect(distributor);
    if (transport !== "poll") await device.live();
    const [id] = await accept(stack, [{ client }]);
    await device.until("the notification is here", () => device.received.length === 1);
    await listed(client, 1);
    const delays: number[] = [];
    for (let round = 0; round < 15; round += 1) {
      const before = device.frames.length;
      const from = performance.now();
      await marks(client, { ids: [id], mark: "read" });
      await device.until(
        "the frame is here",
        () => device.frames.slice(before).some(({ type }) => type === "inbox"),
        10_000,
      );
      delays.push(performance.now() - from);
    }
    delays.sort((a, b) => a - b);
    console.log(`${transport}: median ${delays[7]!.toFixed(1)} ms, most ${delays[14]!.toFixed(1)} ms`);
    expect(delays[7]).toBeLessThan(200);
    await device.close();
  },
  60_000,
);

test("R86: a person is deleted: items and marks, and only theirs", async () => {
  await accept(stack, [{ client: "gone" }, { client: "gone" }, { client: "stays" }]);
  await listed("gone", 2);
  await listed("stays", 1);
  const deleted = await ask("operator", "DELETE", "/gone", undefined, "operate");
  expect(await deleted.json()).toEqual({ deleted: 2, kafkaKeepsDays: 7 });
  expect(await ids("gone")).toEqual([]);
  expect(await ids("stays")).toHaveLength(1);
});
