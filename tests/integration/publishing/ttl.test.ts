import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { produce } from "#tests/support/kafka-records.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

/**
 * tests/integration/failover/store-outages.test.ts shows that nothing expired is delivered or replayed. This file: the
 * clock, the log and slow readers.
 */

/** Longer than the time to live of one second here. The test must let this time pass. */
const OVER_MS = 1_500;
/** Together more than the socket buffers of a paused reader hold, and less than its outbox holds. */
const PAD = "x".repeat(60_000);
const PADDED = 300;
const LATE = 3;

let stack: Stack;
let director: Service;
let distributor: Service;
let publisher: Publisher;

beforeAll(async () => {
  const large = String(64 << 20);
  const env = { DRAIN_MS: "0", ACCEPTED_PARTITIONS: "3", SWEEP_MS: "300", OUTBOX_BYTES: large };
  const lanes = { LANE_MAX_BYTES: large, LANE_MAX_QUEUED: "4096", WINDOW: "4096", ACK_MS: "20000" };
  stack = await startStack({ services: ["receiver", "director", "distributor"], env: { ...env, ...lanes } });
  [director, distributor] = [stack.services[1]!, stack.services[2]!];
  publisher = await Publisher.of(stack);
});

afterAll(() => stack.close());

const brief = (client: string, count = LATE): Promise<string[]> =>
  publisher.publish(Array.from({ length: count }, (_, n) => ({ client, json: String(n), ttl: 1 })));

/** Each has one log line of its own, with its id. */
async function expectLogged({ logs }: Service, msg: string, ids: string[]): Promise<void> {
  const named = (): string[] =>
    logs
      .filter((line) => line.msg === msg && ids.includes(String(line.notification)))
      .map((line) => String(line.notification));
  await expect.poll(() => named().toSorted()).toEqual(ids.toSorted());
}

test("the time to live counts from the broker's append time, whatever the producer's time", async () => {
  const client = "by-the-broker";
  const subscriber = await Subscriber.of(stack, { client, transport: "websocket" });
  await subscriber.connect(distributor);
  await subscriber.live();
  const id = randomUUID();
  const writer = new PackWriter();
  writer.notification({ key: `acme/${client}`, id, ttl: 60, payload: Buffer.from("1") });
  const longAgo = Date.parse("2001-01-01");
  await produce(stack, "accepted", partitionOf(`acme/${client}`, 3), [writer.take()], longAgo);
  await subscriber.until("it is here", () => subscriber.received.length === 1);
  expect(subscriber.received[0]!.id).toBe(id);
  expect(Math.abs(Date.parse(subscriber.received[0]!.publishedAt) - Date.now())).toBeLessThan(60_000);
  await subscriber.close();
});

test("a notification that expires before routing, or before its client connects, is named in the log", async () => {
  const client = "named";
  const subscriber = await Subscriber.of(stack, { client, transport: "sse" });
  await subscriber.connect(distributor);
  await subscriber.live();
  director.kill("SIGSTOP");
  const unrouted = await brief(client);
  await sleep(OVER_MS);
  director.kill("SIGCONT");
  await expectLogged(director, "expired before it was delivered", unrouted);
  await subscriber.close();
  const stored = await brief("never-comes");
  await expectLogged(director, "expired before its client came", stored);
  expect(subscriber.received).toEqual([]);
});

describe.for(["websocket", "sse"] as const)("a slow reader over %s", (transport) => {
  test("live: notifications that expire unread are not sent, counted and named; the rest come in order", async () => {
    const client = `slow-${transport}`;
    const subscriber = await Subscriber.of(stack, { client, transport });
    await subscriber.connect(distributor);
    await subscriber.live();
    subscriber.pause();
    await publisher.number(client, PADDED, PAD);
    await expect.poll(() => scrapeMetric(distributor, "outbox_bytes")).toBeGreaterThan(0);
    // On a busy machine it may reconnect: the skipped, unacknowledged notifications then expire at the director, too.
    const before = await expired();
    expect(await checkLate(subscriber)).toBeGreaterThanOrEqual(before + LATE);
  });

  test("replay: expired notifications are skipped, each counted once", async () => {
    const client = `replayed-${transport}`;
    await publisher.number(client, PADDED, PAD);
    await storedFor(stack, [client], PADDED);
    const subscriber = await Subscriber.of(stack, { client, transport });
    await subscriber.connect(distributor);
    subscriber.pause();
    // The notifications of earlier tests have expired or are stored by then.
    await expect.poll(() => scrapeMetric(director, "notifications_unsettled")).toBe(0);
    const before = await expired();
    expect(await checkLate(subscriber)).toBe(before + LATE);
  });
});

/**
 * The reader pauses with enough queued that short-lived notifications wait past their time. Returns the number
 * expired.
 */
async function checkLate(subscriber: Subscriber): Promise<number> {
  const { client } = subscriber;
  const late = await brief(client, LATE);
  await publisher.number(client);
  await sleep(OVER_MS);
  subscriber.resume();
  const wanted = publisher.accepted(client).filter((id) => !late.includes(id));
  const received = async (): Promise<number> => {
    // On a busy machine it may have been closed as stuck.
    if (!subscriber.open) await subscriber.connect(distributor);
    return subscriber.received.length;
  };
  await expect.poll(received, { interval: 200 }).toBeGreaterThanOrEqual(wanted.length);
  expect(subscriber.received.map(({ id }) => id)).toEqual(wanted);
  const named = (id: string): boolean =>
    [...director.logs, ...distributor.logs].some((line) => line.notification === id && line.msg?.startsWith("expired"));
  await expect.poll(() => late.filter((id) => !named(id))).toEqual([]);
  await subscriber.close();
  return expired();
}

/** Expired at the last step, in the sweep, or before routing. The sweep counts stored notifications. */
async function expired(): Promise<number> {
  const [sent, swept, routed] = await Promise.all([
    scrapeMetric(distributor, "notifications_expired_total", 'source="live"'),
    scrapeMetric(director, "notifications_swept_total"),
    scrapeMetric(director, "notifications_settled_total", 'how="expired"'),
  ]);
  return sent + swept + routed;
}
