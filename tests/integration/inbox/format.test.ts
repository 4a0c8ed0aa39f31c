import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accept } from "#tests/support/accepted-packs.ts";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { InboxApi } from "#tests/support/inbox-api.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

/** Inboxes need format 3 in a tenant's document and in frames. The couriers' settings need no format. */
const EARLIER = 2;
let stack: Stack;
let desk: Service;
let distributor: Service;
let courier: Service;

beforeAll(async () => {
  stack = await startStack({ services: ["console", "distributor"] });
  [desk, distributor] = stack.services as [Service, Service];
  await setFormat(EARLIER);
  courier = await stack.start("courier", { INBOX_EVENTS: "*" });
});

afterAll(() => stack.close());

async function setFormat(format: number): Promise<void> {
  const client = new pg.Client({ connectionString: stack.env.DATABASE_URL! });
  await client.connect();
  await client.query(`update "${stack.namespace}".platform set format = $1`, [format]);
  await client.end();
}

async function presentFormat(format: number): Promise<void> {
  await setFormat(format);
  for (const service of [desk, courier])
    await expect.poll(() => scrapeMetric(service, "format_present"), { timeout: 10_000 }).toBe(format);
}

test("before the upgrade is finished a document has no inbox, the settings give one, and no frame is sent", async () => {
  await presentFormat(EARLIER);
  const operator = await ConsoleApi.of(stack, desk);
  const { state, trust, limits } = await operator.does("GET", "/globex");
  const off = { state, trust, limits, inbox: { events: [] } };
  expect(await operator.ask("PUT", "/globex", off)).toMatchObject({
    status: 503,
    body: { type: "/problems/upgrade-unfinished", retryAfter: expect.any(Number) },
  });

  const device = await Subscriber.of(stack, { client: "u", transport: "websocket" });
  await device.connect(distributor);
  const inbox = new InboxApi(stack, courier);
  const [id] = await accept(stack, [{ client: "u" }]);
  await inbox.listed("u", [id]);
  expect(await inbox.marked("u", { ids: [id], mark: "seen" })).toEqual({ unread: 1, unseen: 0 });
  expect(await scrapeMetric(courier, "inbox_frames_total")).toBe(0);

  await presentFormat(3);
  const frames = () => device.frames.filter(({ type }) => type === "inbox");
  const heard = async (): Promise<number> => {
    await inbox.marked("u", { ids: [randomUUID()], mark: "read" });
    return frames().length;
  };
  await expect.poll(heard, { timeout: 20_000 }).toBeGreaterThan(0);
  // The mark from before the upgrade was told to no distributor.
  expect(frames().filter((frame) => "mark" in frame && frame.mark === "seen")).toEqual([]);
  await device.close();

  await operator.does("PUT", "/globex", off);
  const other = await stack.token({ client: "u", tenant: "globex" });
  const listed = () => fetch(`${courier.url}/v1/inbox`, { headers: { authorization: `Bearer ${other}` } });
  await expect.poll(async () => (await listed()).status).toBe(404);
}, 60_000);
