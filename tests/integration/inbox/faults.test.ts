import { afterAll, beforeAll, expect, test } from "vitest";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { courierCommits, inboxIds } from "#tests/support/inbox-rows.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { serviceEnv, startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { startProxy } from "#tests/support/tcp-proxy.ts";

/** Each inbox has what was published, once, whatever fails meanwhile. */
let stack: Stack;
let publisher: Publisher;
let survivor: Service;

beforeAll(async () => {
  stack = await startStack({ services: ["receiver"], env: { INBOX_EVENTS: "*", GROUP_SESSION_MS: "6000" } });
  publisher = await Publisher.of(stack);
});

afterAll(() => stack.close());

const clientsOf = (name: string): string[] => Array.from({ length: 20 }, (_, index) => `${name}-${index}`);

async function complete(clients: string[]): Promise<void> {
  const published = new Map(clients.map((client) => [client, publisher.accepted(client)]));
  await expect.poll(() => inboxIds(stack, clients), { timeout: 40_000, interval: 250 }).toEqual(published);
}

test("a courier that is killed between inserts and commits leaves nothing out, and nothing twice", async () => {
  const clients = clientsOf("killed");
  survivor = await stack.start("courier");
  for (let round = 0; round < 2; round += 1) {
    const victim = await stack.start("courier");
    const stream = publisher.stream(clients, 20);
    const half = clients.length * 3 * (round + 1);
    await expect
      .poll(async () => [...(await inboxIds(stack, clients)).values()].flat().length, { timeout: 30_000, interval: 50 })
      .toBeGreaterThan(half);
    victim.kill("SIGKILL");
    await stream.stop();
  }
  await complete(clients);
}, 120_000);

test("while Postgres is away notifications wait, and afterwards each is there once", async () => {
  const { address, set, close } = await startProxy(new URL(stack.env.DATABASE_URL!).host);
  const url = new URL(serviceEnv(stack.env, "courier").DATABASE_URL!);
  url.host = address;
  const courier = await stack.start("courier", { DATABASE_URL: url.href, PARTITION_MAX_BYTES: "50000" });
  survivor.kill("SIGKILL");
  await expect.poll(() => scrapeMetric(courier, "partitions_owned"), { timeout: 30_000 }).toBe(4);
  const clients = clientsOf("away");
  await set("refuse");
  const committed = await courierCommits(stack);
  await publisher.number(clients, 40, "x".repeat(500));
  await expect.poll(() => scrapeMetric(courier, "inbox_retries_total"), { timeout: 20_000 }).toBeGreaterThan(0);
  await expect.poll(() => scrapeMetric(courier, "partition_pauses_total"), { timeout: 20_000 }).toBeGreaterThan(0);
  expect(await scrapeMetric(courier, "inbox_waiting_bytes")).toBeLessThan(4 * 2_000_000);
  expect(await courierCommits(stack)).toEqual(committed);
  await set("pass");
  await complete(clients);
  await close();
}, 120_000);

async function ready(courier: Service, partitions: number): Promise<void> {
  await expect.poll(() => scrapeMetric(courier, "partitions_owned"), { timeout: 30_000 }).toBe(partitions);
}

test("a tenant turns its inbox on and off, and no courier reads while none has one", async () => {
  const own = await startStack({ services: ["receiver", "console", "courier"] });
  try {
    const [, desk, courier] = own.services as [Service, Service, Service];
    const operator = await ConsoleApi.of(own, desk);
    const acme = await Publisher.of(own);
    const globex = await Publisher.of(own, "globex");
    await acme.number("u");
    expect(await scrapeMetric(courier, "partitions_owned")).toBe(0);
    expect(await scrapeMetric(courier, "inbox_read_total")).toBe(0);
    const tenant = await operator.does("GET", "/acme");
    const turn = (inbox: unknown): Promise<unknown> => operator.does("PUT", "/acme", { ...settable(tenant), inbox });
    await turn({ events: ["order.*", "hello"] });
    await ready(courier, 4);
    const item = (event?: string) => ({ client: "u", json: "1", ...(event && { event }) });
    const [, , paid, hello] = await acme.publish([item(), item("order"), item("order.paid"), item("hello")]);
    await globex.publish([item("hello")]);
    const ids = async () => (await inboxIds(own, ["u"])).get("u");
    await expect.poll(ids, { timeout: 10_000 }).toEqual([paid, hello]);
    await turn({ events: [] });
    await ready(courier, 0);
    await acme.publish([item("hello")]);
    expect(await ids()).toEqual([paid, hello]);
    // It goes on where it stopped.
    await turn({ events: ["*"], days: 1 });
    await expect.poll(async () => (await ids())?.length, { timeout: 30_000 }).toBe(3);
  } finally {
    await own.close();
  }
}, 120_000);

/** A tenant's document without what only the service writes. */
function settable({ state, trust, limits }: Record<string, unknown>): Record<string, unknown> {
  return { state, trust, limits };
}
