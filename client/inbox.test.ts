import { expect, onTestFinished, test } from "vitest";
import { connect, type Connection, type Options } from "./client.ts";
import { inbox, type Inbox } from "./inbox.ts";
import { InboxServer } from "./inbox-test-server.ts";

let users = 0;

/** A token that names the user, as each test has its own. */
const tokenOf = (sub: string): string =>
  ["{}", JSON.stringify({ tenant: "t", sub }), "x"].map((part) => Buffer.from(part).toString("base64url")).join(".");

async function serve(): Promise<InboxServer> {
  const server = await InboxServer.start();
  onTestFinished(() => server.close());
  return server;
}

interface Tab {
  connection: Connection<number>;
  list: Inbox<number>;
}

async function open(server: InboxServer, more: Partial<Options<number>> = {}, user = `u${(users += 1)}`): Promise<Tab> {
  const list = inbox<number>({ url: server.url });
  const connection = connect<number>({
    url: server.url,
    token: tokenOf(user),
    transport: "sse",
    onNotification: () => {},
    onError: () => {},
    inbox: list,
    random: () => 0,
    ...more,
  });
  onTestFinished(() => connection.close());
  await expect.poll(() => list.loading).toBe(false);
  return { connection, list };
}

const data = ({ items }: Inbox<number>): number[] => items.map((item) => item.data);
const badge = ({ unread, unseen }: Inbox<number>): [number, number] => [unread, unseen];

test("the list is loaded when the connection is live, newest first", async () => {
  const server = await serve();
  for (let n = 0; n < 60; n += 1) server.insert(n < 10 ? { mark: "read" } : {});
  const { list, connection } = await open(server);
  expect(connection.inbox).toBe(list);
  expect(data(list)).toEqual(Array.from({ length: 50 }, (_, n) => 60 - n));
  expect(list).toMatchObject({ unread: 50, unseen: 50, more: true, error: undefined });
  await list.loadMore();
  expect(data(list)).toEqual(Array.from({ length: 60 }, (_, n) => 60 - n));
  expect(list).toMatchObject({ unread: 50, unseen: 50, more: false });
});

test("pages have no gaps and no repeats while notifications arrive", async () => {
  const server = await serve();
  for (let n = 0; n < 130; n += 1) server.insert();
  const { list } = await open(server);
  for (let page = 0; page < 2; page += 1) {
    const loaded = list.loadMore();
    server.publish();
    await loaded;
  }
  await expect.poll(() => list.items.length).toBe(132);
  expect(data(list)).toEqual(Array.from({ length: 132 }, (_, n) => 132 - n));
  expect(badge(list)).toEqual([132, 132]);
});

test("a live notification is added at once if its event belongs to the list", async () => {
  const server = await serve();
  server.events = ["alert.*", "order"];
  server.insert({ event: "order" });
  const { list } = await open(server);
  const asked = server.count("GET /v1/inbox");
  server.publish();
  server.publish({ event: "orders" });
  server.publish({ event: "alert.fire" });
  server.publish({ event: "order" });
  await expect.poll(() => data(list)).toEqual([5, 4, 1]);
  expect(badge(list)).toEqual([3, 3]);
  expect(server.count("GET /v1/inbox")).toBe(asked);
});

test("collapsed and retracted notifications leave the list", async () => {
  const server = await serve();
  server.insert({ collapse: "a" });
  server.insert({ collapse: "b" });
  const { list } = await open(server);
  server.publish({ collapse: "a" });
  await expect.poll(() => data(list)).toEqual([3, 2]);
  server.retract("b");
  await expect.poll(() => data(list)).toEqual([3]);
  expect(badge(list)).toEqual([1, 1]);
});

test("frames of another device change marks and numbers, also of items that are not loaded", async () => {
  const server = await serve();
  for (let n = 0; n < 70; n += 1) server.insert();
  const { list } = await open(server);
  server.push(server.mark("read", { ids: ["id-70", "id-5"] }));
  await expect.poll(() => badge(list)).toEqual([68, 68]);
  expect(list.items[0]).toMatchObject({ id: "id-70", mark: "read" });
  server.push(server.mark("archived", { ids: ["id-69"] }));
  await expect.poll(() => data(list).slice(0, 2)).toEqual([70, 68]);
  server.push(server.mark("seen", { upTo: "c0070" }));
  await expect.poll(() => badge(list)).toEqual([67, 0]);
  server.push(server.mark("read", { upTo: "c0070" }));
  await expect.poll(() => badge(list)).toEqual([0, 0]);
});

test("a mark is shown at once, and sent", async () => {
  const server = await serve();
  for (let n = 0; n < 3; n += 1) server.insert();
  const { list } = await open(server);
  const taken = list.read(["id-1"]);
  expect(badge(list)).toEqual([2, 2]);
  expect(await taken).toBe(true);
  const archived = list.archive(["id-2"]);
  expect(data(list)).toEqual([3, 1]);
  expect(await archived).toBe(true);
  expect(server.rows.map(({ id, mark }) => [id, mark])).toEqual([
    ["id-3", null],
    ["id-1", "read"],
  ]);
  expect(await list.readAll()).toBe(true);
  expect(badge(list)).toEqual([0, 0]);
  expect(server.counts.unread).toBe(0);
  // Nothing is left to mark.
  const sent = server.count("POST /v1/inbox/marks");
  expect(await list.seenAll()).toBe(true);
  expect(server.count("POST /v1/inbox/marks")).toBe(sent);
});

test("a refused mark is undone, with the reason", async () => {
  const server = await serve();
  server.insert();
  const { list } = await open(server);
  server.fault = () => ({ status: 400 });
  const taken = list.read(["id-1"]);
  expect(list.unread).toBe(0);
  expect(await taken).toBe(false);
  expect(list.unread).toBe(1);
  expect(list.items[0]!.mark).toBe(null);
  expect(list.error?.code).toBe("rejected");
});

test("marks wait for a courier that is away, in few requests, and stay visible", async () => {
  const server = await serve();
  for (let n = 0; n < 5; n += 1) server.insert();
  const { list } = await open(server, { random: () => 0.05 });
  server.fault = () => ({ status: 503 });
  const taken = [list.read(["id-1"]), list.read(["id-2"]), list.read(["id-3"])];
  await expect.poll(() => list.error?.code).toBe("unavailable");
  expect(list.unread).toBe(2);
  const asked = server.requests.length;
  server.fault = () => undefined;
  expect(await Promise.all(taken)).toEqual([true, true, true]);
  expect(server.requests.slice(asked).filter((line) => line.startsWith("POST /v1/inbox/marks")).length).toBe(2);
  expect(list).toMatchObject({ unread: 2, error: undefined });
});

test("too many waiting marks are refused", async () => {
  const server = await serve();
  server.insert();
  const { list } = await open(server, { random: () => 1 });
  server.fault = () => ({ status: 503 });
  const ids = (from: number): string[] => Array.from({ length: 1_000 }, (_, n) => `id-${from * 1_000 + n}`);
  for (let n = 0; n < 8; n += 1) void list.read(ids(n));
  expect(await list.read(ids(8))).toBe(false);
  expect(list.error?.code).toBe("full");
});

test("a mark may precede its notification", async () => {
  const server = await serve();
  const { list } = await open(server);
  server.push({ type: "inbox", mark: "read", ids: ["id-1"], unread: 0, unseen: 0 });
  server.publish();
  await expect.poll(() => list.items.map(({ mark }) => mark)).toEqual(["read"]);
  expect(badge(list)).toEqual([0, 0]);
});

test("each live loads the list again", async () => {
  const server = await serve();
  for (let n = 0; n < 3; n += 1) server.insert();
  const { list, connection } = await open(server);
  // Another device marks while this one is away.
  server.cut();
  server.mark("archived", { ids: ["id-2"] });
  server.mark("read", { ids: ["id-1"] });
  server.insert();
  await expect.poll(() => data(list)).toEqual([4, 3, 1]);
  expect(connection.state).toBe("live");
  expect(badge(list)).toEqual([2, 2]);
});

test("a heard notification stays until the server has written it", async () => {
  const server = await serve();
  const { list } = await open(server);
  server.inserts = false;
  server.publish();
  await expect.poll(() => data(list)).toEqual([1]);
  await list.reload();
  expect(data(list)).toEqual([1]);
  expect(badge(list)).toEqual([1, 1]);
  for (let n = 0; n < 3; n += 1) await list.reload();
  expect(data(list)).toEqual([]);
});

test("a reload frame takes what was deleted", async () => {
  const server = await serve();
  server.insert();
  const { list } = await open(server);
  server.publish();
  await expect.poll(() => data(list)).toEqual([2, 1]);
  server.rows = [];
  server.push({ type: "inbox", reload: true });
  await expect.poll(() => data(list)).toEqual([]);
  expect(badge(list)).toEqual([0, 0]);
});

test("a tenant without an inbox is asked once for each connection", async () => {
  const server = await serve();
  server.fault = () => ({ status: 404, type: "http://courier/problems/no-inbox" });
  const { list } = await open(server);
  expect(list.error?.code).toBe("no-inbox");
  server.publish();
  expect(server.count("GET /v1/inbox")).toBe(1);
  expect(list.items).toEqual([]);
});

test("a refused token is asked for again, once", async () => {
  const server = await serve();
  server.insert();
  const given = [tokenOf("renewed"), `${tokenOf("renewed")}-2`, "a.b.c"];
  let asked = 0;
  server.fault = () => (server.tokens.at(-1) === `Bearer ${given[0]}` ? { status: 403 } : undefined);
  const { list } = await open(server, { token: () => given[(asked += 1) - 1] ?? "x" });
  expect(data(list)).toEqual([1]);
  expect(asked).toBe(2);
});

test("a cursor of another client is rejected, and no other token is asked for", async () => {
  const server = await serve();
  server.insert();
  let asked = 0;
  const { list } = await open(server, { token: () => tokenOf(`cursor-${(asked += 1)}`) });
  const before = asked;
  server.fault = (path) => (path.endsWith("/marks") ? { status: 403, type: "/problems/cursor-forbidden" } : undefined);
  await list.readAll();
  expect(list.error?.code).toBe("rejected");
  expect(list.unread).toBe(1);
  expect(asked).toBe(before);
});

test("the state is a new object only if something changed", async () => {
  const server = await serve();
  for (let n = 0; n < 3; n += 1) server.insert();
  const { list } = await open(server);
  let told = 0;
  const end = list.subscribe(() => (told += 1));
  const before = list.state;
  await list.reload();
  expect(list.state.items).toBe(before.items);
  told = 0;
  await list.read(["id-2"]);
  expect(list.items[0]).toBe(before.items[0]);
  expect(list.items[1]).not.toBe(before.items[1]);
  // One change for the mark, and none for the answer.
  expect(told).toBe(1);
  end();
  await list.readAll();
  expect(told).toBe(1);
});

test("a list belongs to one connection", async () => {
  const server = await serve();
  const { list } = await open(server);
  expect(() => connect({ url: server.url, token: "a", onNotification: () => {}, inbox: list })).toThrow(
    "another connection",
  );
});

test.for([["an address without a scheme", { url: "courier" }]] as const)("%s is a TypeError", ([, options]) => {
  expect(() => inbox(options)).toThrow(TypeError);
});

test("close sends the last marks", async () => {
  const server = await serve();
  server.insert();
  const { list, connection } = await open(server);
  void list.read(["id-1"]);
  await connection.close();
  await expect.poll(() => server.counts.unread).toBe(0);
});
