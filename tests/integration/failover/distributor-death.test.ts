import { afterAll, beforeAll, expect, test } from "vitest";
import { Crowd } from "#tests/support/crowd.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

const DRAIN_MS = 2_000;

let stack: Stack;
let director: Service;
let other: Service;
let publisher: Publisher;

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "director", "distributor"],
    env: { DRAIN_MS: String(DRAIN_MS), LEASE_MS: "1500", ACK_MS: "1500", INVITE_MS: "300", HOLD_MS: "1000" },
  });
  [director, other] = [stack.services[1]!, stack.services[2]!];
  publisher = await Publisher.of(stack);
});

afterAll(() => stack.close());

test("R32, R33: clients of a killed distributor resume at another under load, and miss nothing", async () => {
  const dying = await stack.start("distributor");
  const crowd = await Crowd.gather(stack, dying, "kill");
  const stream = publisher.stream(crowd.clients, 10);
  await Promise.all(crowd.connected.map((one) => one.until("it flows", () => one.received.length > 10)));
  dying.kill("SIGKILL");
  const back = crowd.connected.map(async (subscriber, index) => {
    await subscriber.until("it is cut off", () => !subscriber.open);
    // Every third client reconnects at once, the others later, as jitter does; each finds what it missed.
    const waitFor = publisher.accepted(subscriber.client).length + (index % 3) * 20;
    await expect.poll(() => publisher.accepted(subscriber.client).length).toBeGreaterThanOrEqual(waitFor);
    await subscriber.connect(other);
    const target = subscriber.received.length + 20;
    await subscriber.until("it flows again", () => subscriber.received.length > target);
  });
  await Promise.all(back);
  await stream.stop();
  await crowd.all(publisher, other);
  await crowd.close();
});

test("R24, R32: clients that stay away after their distributor is killed find everything stored", async () => {
  const dying = await stack.start("distributor");
  const crowd = await Crowd.gather(stack, dying, "gone", 3);
  const stream = publisher.stream(crowd.clients, 10);
  await Promise.all(crowd.connected.map((one) => one.until("it flows", () => one.received.length > 10)));
  dying.kill("SIGKILL");
  await dying.exited;
  await Promise.all(crowd.connected.map((one) => one.until("it is cut off", () => !one.open)));
  await publisher.number(crowd.clients, 20);
  await stream.stop();
  // The director holds nothing for them any more: all is in Postgres, without any reconnect.
  await expect.poll(() => scrapeMetric(director, "notifications_unsettled")).toBe(0);
  await Promise.all(crowd.connected.map((one) => one.connect(other)));
  await crowd.all(publisher, other);
  await crowd.close();
});

test("R30: an ending distributor becomes unready, then closes connections one by one with 1012, and nothing is lost", async () => {
  const ending = await stack.start("distributor");
  const crowd = await Crowd.gather(stack, ending, "drain", 8);
  const stream = publisher.stream(crowd.clients, 10);
  await Promise.all(crowd.connected.map((one) => one.until("it flows", () => one.received.length > 10)));
  const readyAtClose: boolean[] = [];
  const closedAt: number[] = [];
  const codes = new Set<number | undefined>();
  const watched = crowd.connected.map(async (one) => {
    await one.until("it is closed", () => !one.open);
    closedAt.push(performance.now());
    const said = one.frames.at(-1)!;
    codes.add(said.type === "closing" ? said.code : one.end?.code);
    readyAtClose.push((await fetch(`${ending.url}/health/ready`).catch(() => undefined))?.ok ?? false);
    await one.connect(other);
    return one;
  });
  const exit = ending.stop();
  const refused = await refusedSoon(ending);
  for (const one of await Promise.all(watched)) {
    const target = one.received.length + 5;
    await one.until("it flows again", () => one.received.length > target);
  }
  expect(await exit).toEqual({ code: 0, signal: null });
  expect(refused).toBe(503);
  // A poll loop that asks after the close gets the answer of a new connection.
  expect(codes).toContain(1012);
  expect([503, 1012]).toEqual(expect.arrayContaining([...codes]));
  expect(readyAtClose).not.toContain(true);
  expect(Math.max(...closedAt) - Math.min(...closedAt)).toBeGreaterThan(DRAIN_MS * 0.7);
  await stream.stop();
  await crowd.all(publisher, other);
  await crowd.close();
});

test("R17, R30: each transport receives the reason for its close, and may reconnect at once", async () => {
  const ending = await stack.start("distributor", { DRAIN_MS: "0" });
  const told = await Promise.all(
    (["websocket", "sse"] as const).map(async (transport) => {
      const subscriber = await Subscriber.of(stack, { client: `told-${transport}`, transport });
      await subscriber.connect(ending);
      return subscriber;
    }),
  );
  const poll = await Subscriber.of(stack, { client: "told-poll", transport: "poll" });
  await poll.connect(ending);
  await publisher.number(poll.client);
  await poll.all(publisher);
  const connections = await scrapeMetric(ending, "connections");
  expect(connections).toBe(3);
  await ending.stop();
  const retryAfter = expect.any(Number) as number;
  for (const subscriber of told) {
    await subscriber.until("it is closed", () => !subscriber.open);
    expect(subscriber.frames.at(-1)).toMatchObject({ type: "closing", code: 1012, reconnect: "now", retryAfter });
  }
  await poll.until("it is closed", () => !poll.open);
  expect(told[0]!.end).toMatchObject({ code: 1012 });
  expect(poll.end).toMatchObject({ code: 1012, reconnect: "now", retryAfter });
});

/** The answer to a new connection once the distributor is unready. */
async function refusedSoon(distributor: Service): Promise<number> {
  await expect.poll(async () => (await fetch(`${distributor.url}/health/ready`)).status, { interval: 5 }).toBe(503);
  const token = await stack.token({ client: "newcomer" });
  const response = await fetch(`${distributor.url}/v1/poll?wait=0`, { headers: { authorization: `Bearer ${token}` } });
  await response.text();
  return response.status;
}
