import { afterAll, beforeAll, expect, test } from "vitest";
import { Publisher } from "#tests/support/publisher.ts";
import { serviceEnv, startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { startProxy, type TcpProxy } from "#tests/support/tcp-proxy.ts";
import { eventsOf, kindsOf } from "#tests/support/timeline-rows.ts";

/** What the timeline says of an inbox's marks, of a connection that ends, and of Postgres that is away. */
let stack: Stack;
let publisher: Publisher;
let proxy: TcpProxy;
let courier: Service;

beforeAll(async () => {
  const env = { TIMELINE_FOLLOW: "all", INBOX_EVENTS: "*", GROUP_SESSION_MS: "2000", LEASE_MS: "2000" };
  stack = await startStack({ services: ["receiver", "courier", "recorder"], env });
  courier = stack.services[1]!;
  proxy = await startProxy(new URL(stack.env.DATABASE_URL!).host);
  const url = new URL(serviceEnv(stack.env, "director").DATABASE_URL!);
  url.host = proxy.address;
  await stack.start("director", { DATABASE_URL: url.href });
  publisher = await Publisher.of(stack);
});

afterAll(async () => {
  await stack.close();
  await proxy.close();
});

const within = { timeout: 40_000, interval: 200 };

async function one(client: string): Promise<string> {
  return (await publisher.publish([{ client, json: "1" }]))[0]!;
}

test("an item of an inbox is listed, and each mark is recorded once", async () => {
  const [first, second] = [await one("reader"), await one("reader")];
  for (const id of [first, second]) await expect.poll(() => kindsOf(stack, id), within).toContain("listed");
  const token = await stack.token({ client: "reader" });
  const ask = async (method: string, path: string, body?: unknown) => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${courier.url}/v1/inbox${path}`, { method, headers, body: JSON.stringify(body) });
    return (await response.json()) as { items: { id: string; cursor: string }[] };
  };
  for (let repeat = 0; repeat < 2; repeat += 1) await ask("POST", "/marks", { ids: [first], mark: "seen" });
  const { items } = await ask("GET", "");
  for (let repeat = 0; repeat < 2; repeat += 1) await ask("POST", "/marks", { upTo: items[0]!.cursor, mark: "read" });
  const marks = async (id: string) =>
    (await kindsOf(stack, id)).filter((kind) => ["seen", "read", "archived"].includes(kind));
  await expect.poll(() => marks(first), within).toEqual(["seen", "read"]);
  await expect.poll(() => marks(second), within).toEqual(["read"]);
}, 90_000);

test("a connection that ends without an acknowledgement: sent, delivered, retried and stored", async () => {
  const doomed = await stack.start("distributor");
  const client = "ended";
  const subscriber = await Subscriber.of(stack, { client, transport: "websocket", acknowledge: "manual" });
  await subscriber.connect(doomed);
  await subscriber.live();
  const id = await one(client);
  await subscriber.until("it is here", () => subscriber.received.length === 1);
  await expect.poll(() => kindsOf(stack, id), within).toEqual(expect.arrayContaining(["sent", "delivered"]));
  await subscriber.destroy();
  await expect.poll(() => kindsOf(stack, id), within).toEqual(expect.arrayContaining(["retried", "stored"]));
  const retried = (await eventsOf(stack, id)).find(({ kind }) => kind === "retried")!;
  const sent = (await eventsOf(stack, id)).find(({ kind }) => kind === "sent")!;
  expect(retried.detail).toEqual({ connection: sent.detail.connection, why: "closed" });
  doomed.kill("SIGKILL");
}, 90_000);

test("while Postgres is away a notification is deferred, and afterwards stored", async () => {
  await proxy.set("refuse");
  const id = await one("deferred");
  await expect.poll(() => kindsOf(stack, id), within).toContain("deferred");
  expect(await kindsOf(stack, id)).not.toContain("stored");
  await proxy.set("pass");
  await expect.poll(() => kindsOf(stack, id), within).toContain("stored");
  const details = (await eventsOf(stack, id)).map(({ kind, detail }) => [kind, detail]);
  expect(details).toContainEqual(["deferred", { why: "away" }]);
  expect(details).toContainEqual(["stored", { why: "deferred" }]);
}, 90_000);
