import { expect, onTestFinished, test } from "vitest";
import { connect, type Connection } from "./client.ts";
import { inbox, type Inbox } from "./inbox.ts";
import { InboxServer } from "./inbox-test-server.ts";
import { nameOf } from "./inbox-tabs.ts";

/** Node has the BroadcastChannel of a browser: two connections of one process are two tabs. */
const tokenOf = (sub: string, secret = "x"): string =>
  ["{}", JSON.stringify({ tenant: "t", sub }), secret].map((part) => Buffer.from(part).toString("base64url")).join(".");

async function serve(): Promise<InboxServer> {
  const server = await InboxServer.start();
  onTestFinished(() => server.close());
  for (let n = 0; n < 3; n += 1) server.insert();
  return server;
}

async function open(server: InboxServer, user: string): Promise<{ connection: Connection; list: Inbox }> {
  const list = inbox({ url: server.url });
  const connection = connect({
    url: server.url,
    token: tokenOf(user),
    transport: "sse",
    onNotification: () => {},
    onError: () => {},
    inbox: list,
    random: () => 1,
  });
  onTestFinished(() => connection.close());
  await expect.poll(() => list.loading).toBe(false);
  return { connection, list };
}

test("a mark in one tab shows in the other before the server has it", async () => {
  const server = await serve();
  const [one, other] = [await open(server, "marks"), await open(server, "marks")];
  server.fault = (path) => (path.endsWith("marks") ? { status: 503 } : undefined);
  void one.list.archive(["id-2"]);
  await expect.poll(() => other.list.items.map(({ id }) => id)).toEqual(["id-3", "id-1"]);
  expect(server.counts.unread).toBe(3);
});

test("a mark that was refused in one tab is undone in the other", async () => {
  const server = await serve();
  const [one, other] = [await open(server, "refused"), await open(server, "refused")];
  server.fault = (path) => (path.endsWith("marks") ? { status: 503 } : undefined);
  void one.list.readAll();
  await expect.poll(() => other.list.unread).toBe(0);
  server.fault = () => ({ status: 403 });
  await expect.poll(() => [one.list.unread, other.list.unread]).toEqual([3, 3]);
});

test("marks of a tab that ended are sent by another tab", async () => {
  const server = await serve();
  const [one, other] = [await open(server, "ended"), await open(server, "ended")];
  server.fault = (path) => (path.endsWith("marks") ? { status: 503 } : undefined);
  void one.list.readAll();
  await expect.poll(() => other.list.unread).toBe(0);
  await one.connection.close();
  server.fault = () => undefined;
  await expect.poll(() => server.counts.unread).toBe(0);
});

test("a new tab gets the marks that wait", async () => {
  const server = await serve();
  const one = await open(server, "new");
  server.fault = (path) => (path.endsWith("marks") ? { status: 503 } : undefined);
  void one.list.read(["id-1"]);
  const other = await open(server, "new");
  await expect.poll(() => other.list.unread).toBe(2);
});

test("a list, or older items, that one tab loads serve the other", async () => {
  const server = await serve();
  for (let n = 0; n < 60; n += 1) server.insert();
  const [one, other] = [await open(server, "loads"), await open(server, "loads")];
  await one.list.loadMore();
  await expect.poll(() => other.list.items.length).toBe(63);
  server.rows = server.rows.slice(0, 2);
  await one.list.reload();
  await expect.poll(() => other.list.items.length).toBe(2);
  expect(other.list).toMatchObject({ unread: 2, more: false });
});

test("tabs of another user share nothing", async () => {
  const server = await serve();
  const [one, other] = [await open(server, "mine"), await open(server, "theirs")];
  server.fault = (path) => (path.endsWith("marks") ? { status: 503 } : undefined);
  void one.list.readAll();
  // A third tab of the first user has heard of it, so the second one would have, too.
  const third = await open(server, "mine");
  await expect.poll(() => third.list.unread).toBe(0);
  expect(other.list.unread).toBe(3);
});

test("the tabs' name has no part of the user or token, and needs a user", () => {
  const name = (sub: string, secret?: string): string => nameOf("http://courier", tokenOf(sub, secret), undefined)!;
  expect(name("alice")).toBe(name("alice", "another signature"));
  expect(name("alice")).not.toBe(name("bob"));
  expect(name("alice")).not.toContain("alice");
  expect(nameOf("http://other", tokenOf("alice"), undefined)).not.toBe(name("alice"));
  expect(nameOf("http://courier", tokenOf("alice"), "carol")).not.toBe(name("alice"));
  expect(nameOf("http://courier", "opaque", undefined)).toBe(undefined);
  expect(nameOf("http://courier", "opaque", "carol")).toMatch(/^saasaparilla-inbox-/);
});
