import { afterAll, beforeAll, expect, test } from "vitest";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { readAccepted } from "#tests/support/accepted-records.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { eventsOf, kindsOf } from "#tests/support/timeline-rows.ts";

/** Each way of a notification, as services record it. */
let stack: Stack;
let publisher: Publisher;
let distributor: Service;
let recorder: Service;

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "director", "distributor", "recorder"],
    env: { TIMELINE_FOLLOW: "all", DRAIN_MS: "0", ACK_MS: "1500", SWEEP_MS: "500", GROUP_SESSION_MS: "1500" },
  });
  [, , distributor, recorder] = stack.services as [Service, Service, Service, Service];
  publisher = await Publisher.of(stack);
});

afterAll(() => stack.close());

const traceOf = (digit: string): string => `00-${digit.repeat(32)}-${"2".repeat(16)}`;
const within = { timeout: 20_000, interval: 100 };

async function one(client: string, more: object = {}): Promise<string> {
  return (await publisher.publish([{ client, json: "1", ...more }]))[0]!;
}

test("a live notification: accepted, sent to a connection, delivered and acknowledged by it", async () => {
  const subscriber = await Subscriber.of(stack, { client: "live", transport: "websocket" });
  await subscriber.connect(distributor);
  await subscriber.live();
  await one("live");
  await subscriber.all(publisher);
  const id = await one("live", { event: "order.paid" });
  await subscriber.all(publisher);
  await expect
    .poll(() => kindsOf(stack, id), within)
    .toEqual(expect.arrayContaining(["accepted", "sent", "delivered", "acknowledged"]));
  const events = await eventsOf(stack, id);
  const detailOf = (kind: string) => events.find((event) => event.kind === kind)!.detail;
  expect(detailOf("accepted")).toEqual({ publisher: "tests", why: "all", event: "order.paid" });
  const { connection } = detailOf("sent");
  expect(connection).toMatch(/^\d+:\d+:\d+$/);
  expect(detailOf("delivered")).toEqual({ connection, transport: "websocket" });
  expect(detailOf("acknowledged")).toEqual({ how: "connection", connection });
  expect(events.every(({ client }) => client === "live")).toBe(true);
  await subscriber.close();
}, 60_000);

test("for a person who is away: stored, replayed on return, and acknowledged by the next cursor", async () => {
  const id = await one("away");
  await expect.poll(() => kindsOf(stack, id), within).toEqual(["accepted", "held", "stored"]);
  const stored = (await eventsOf(stack, id)).at(-1)!;
  expect([stored.service, stored.detail]).toEqual(["director", { why: "not connected" }]);
  const subscriber = await Subscriber.of(stack, { client: "away", transport: "poll" });
  await subscriber.connect(distributor);
  await subscriber.all(publisher);
  await expect
    .poll(() => kindsOf(stack, id), within)
    .toEqual(["accepted", "held", "stored", "replayed", "acknowledged"]);
  expect((await eventsOf(stack, id)).at(-1)!.detail).toEqual({ how: "client", stored: true });
  await subscriber.close();
}, 60_000);

test("without an acknowledgement it is stored, and the timeline says why", async () => {
  const subscriber = await Subscriber.of(stack, { client: "silent", transport: "sse", acknowledge: "never" });
  await subscriber.connect(distributor);
  await subscriber.live();
  const id = await one("silent");
  await expect.poll(() => kindsOf(stack, id), within).toContain("stored");
  const stored = (await eventsOf(stack, id)).find(({ kind }) => kind === "stored")!;
  expect(stored.detail).toEqual({ why: "unacknowledged" });
  expect(await kindsOf(stack, id)).not.toContain("acknowledged");
  await subscriber.close();
}, 60_000);

test("expired, replaced, retracted and repeated are recorded", async () => {
  const expired = await one("late", { ttl: 1 });
  await expect.poll(() => kindsOf(stack, expired), within).toContain("expired");
  const replaced = await one("again", { collapse: "k" });
  await expect.poll(() => kindsOf(stack, replaced), within).toContain("stored");
  const retracted = await one("again", { collapse: "k" });
  await expect.poll(() => kindsOf(stack, replaced), within).toContain("replaced");
  await expect.poll(() => kindsOf(stack, retracted), within).toContain("stored");
  const response = await fetch(`${stack.services[0]!.url}/v1/notifications`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${await stack.token({ publisher: "tests", tenant: "acme" })}`,
    },
    body: JSON.stringify({ to: { client: "again" }, collapse: "k", retract: true }),
  });
  expect(response.status).toBe(202);
  await expect.poll(() => kindsOf(stack, retracted), within).toContain("retracted");
  const id = "6e8bc430-9c3a-41d9-9669-0800200c9a01";
  await one("twice", { id });
  await one("twice", { id });
  await expect.poll(() => kindsOf(stack, id), within).toContain("repeated");
}, 60_000);

test("a followed notification has the trace flag `sampled`", async () => {
  const trace = traceOf("4");
  await publisher.publish([{ client: "traced", json: '"followed"' }], { traceparent: `${trace}-00` });
  const followed = (await readAccepted(stack)).find(({ payload }) => payload === '"followed"');
  expect(followed).toMatchObject({ traceparent: `${trace}-01`, followed: true });
}, 60_000);

test("a recorder is ready, reads to the end, and has the tables of two days ahead", async () => {
  expect(await (await fetch(`${recorder.url}/health/ready`)).json()).toMatchObject({ ready: true });
  expect(await scrapeMetric(recorder, "partitions_owned")).toBe(4);
  await expect.poll(() => scrapeMetric(recorder, "timeline_days_ahead"), within).toBe(2);
  await expect.poll(() => scrapeMetric(recorder, "timeline_lag"), within).toBe(0);
  expect(await scrapeMetric(recorder, "timeline_rows_total", 'result="bad"')).toBe(0);
});

test("a tenant's row and its watches say which notifications are followed", async () => {
  const own = await startStack({ services: ["receiver", "director", "console", "recorder"] });
  try {
    const desk = await ConsoleApi.of(own, own.services[2]!);
    const shop = await Publisher.of(own);
    const publish = async (client: string) => (await shop.publish([{ client, json: "1" }]))[0]!;
    const plain = await publish("u1");
    await shop.publish([{ client: "u1", json: '"sampled"' }], { traceparent: `${traceOf("5")}-01` });
    const { state, trust, limits } = await desk.does("GET", "/acme");
    const until = Math.ceil(Date.now() / 1_000) + 600;
    await desk.does("PUT", "/acme", { state, trust, limits, watches: [{ client: "u1", until }] });
    let watched = "";
    const isFollowed = async (id: string) => (await readAccepted(own)).find((one) => one.id === id)?.followed;
    await expect.poll(async () => isFollowed((watched = await publish("u1"))), within).toBe(true);
    await expect.poll(() => kindsOf(own, watched), within).toContain("stored");
    expect((await eventsOf(own, watched))[0]!.detail).toMatchObject({ publisher: "tests", why: "watch" });
    const other = await publish("u2");
    const last = await publish("u1");
    await expect.poll(() => kindsOf(own, last), within).toContain("stored");
    // A publisher's flag never causes it.
    const sampled = (await readAccepted(own)).find(({ payload }) => payload === '"sampled"');
    expect(sampled).toMatchObject({ traceparent: `${traceOf("5")}-01`, followed: false });
    expect([await kindsOf(own, plain), await kindsOf(own, other)]).toEqual([[], []]);
  } finally {
    await own.close();
  }
}, 90_000);
