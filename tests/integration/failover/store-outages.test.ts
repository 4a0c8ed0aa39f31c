import { Redis } from "ioredis";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { startProxy, type TcpProxy } from "#tests/support/tcp-proxy.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { TRANSPORTS } from "#tests/support/raw-transports.ts";

let stack: Stack;
let director: Service;
let distributor: Service;
let publisher: Publisher;
let postgres: TcpProxy;
let redis: TcpProxy;
let inside: Redis;

beforeAll(async () => {
  postgres = await startProxy(new URL(process.env.DATABASE_URL!).host);
  redis = await startProxy(new URL(process.env.REDIS_URL!).host);
  inside = new Redis(process.env.REDIS_URL!);
  stack = await startStack({
    services: ["receiver", "director"],
    env: { DRAIN_MS: "0", LEASE_MS: "1500", INVITE_MS: "300", SWEEP_MS: "300", GROUP_SESSION_MS: "4000" },
  });
  // The distributor, and the directors that a test starts, use the proxies.
  distributor = await stack.start("distributor", proxied());
  director = stack.services[1]!;
  publisher = await Publisher.of(stack);
});

afterAll(async () => {
  await stack.close();
  inside.disconnect();
  await Promise.all([postgres.close(), redis.close()]);
});

function proxied(): Record<string, string> {
  const behind = (url: string, { address }: TcpProxy): string => Object.assign(new URL(url), { host: address }).href;
  return {
    DATABASE_URL: behind(process.env.DATABASE_URL!, postgres),
    REDIS_URL: behind(process.env.REDIS_URL!, redis),
  };
}

async function connected(name: string): Promise<Subscriber[]> {
  return Promise.all(
    TRANSPORTS.map(async (transport) => {
      const subscriber = await Subscriber.of(stack, { client: `${name}-${transport}`, transport });
      return subscriber.connect(distributor);
    }),
  );
}

async function checkDelivery(subscribers: Subscriber[], count = 5): Promise<void> {
  for (let sent = 0; sent < count; sent += 1) await publisher.number(subscribers.map(({ client }) => client));
  for (const subscriber of subscribers) await subscriber.all(publisher);
}

const keys = (pattern: string): Promise<string[]> => inside.keys(`${stack.namespace}:${pattern}`);

async function registered(subscribers: Subscriber[]): Promise<void> {
  const entries = subscribers.map(({ client }) => `c:*acme/${client}}`);
  await expect.poll(async () => (await Promise.all(entries.map(keys))).flat().length).toBe(subscribers.length);
}

/** A director without state takes over: it finds the clients through Redis. */
async function takeOver(): Promise<void> {
  const next = await stack.start("director", proxied());
  await director.stop();
  director = next;
  await expect.poll(() => scrapeMetric(director, "partitions_owned")).toBe(4);
}

describe("Redis", () => {
  test("loses everything: live delivery continues, clients register again, and another director finds them", async () => {
    const subscribers = await connected("flushed");
    await checkDelivery(subscribers);
    await registered(subscribers);
    await inside.del(await keys("*"));
    await checkDelivery(subscribers);
    await registered(subscribers);
    await takeOver();
    await checkDelivery(subscribers);
    expect(await scrapeMetric(director, "notifications_settled_total", 'how="stored"')).toBe(0);
    for (const subscriber of subscribers) await subscriber.close();
  });

  test.for(["refuse", "hang"] as const)(
    "is away (%s): live delivery continues, new clients connect, and all register once it is back",
    async (mode) => {
      const subscribers = await connected(`redis-${mode}`);
      await checkDelivery(subscribers);
      await redis.set(mode);
      await checkDelivery(subscribers, 20);
      subscribers.push(...(await connected(`newcomer-${mode}`)));
      await checkDelivery(subscribers);
      await redis.set("pass");
      await registered(subscribers);
      await takeOver();
      await checkDelivery(subscribers);
      for (const subscriber of subscribers) await subscriber.close();
    },
  );
});

describe("Postgres", () => {
  test.for(TRANSPORTS)(
    "R13: a client that connects over %s in an outage hears of it, then gets stored notifications first, in order",
    async (transport) => {
      const client = `pending-${transport}`;
      await publisher.number(client, 300);
      await storedFor(stack, [client], 300);
      await postgres.set("refuse");
      const subscriber = await Subscriber.of(stack, { client, transport });
      await subscriber.connect(distributor);
      const told = (): boolean => subscriber.frames.some(({ type }) => type === "replay_pending");
      if (transport === "poll")
        await expect.poll(() => scrapeMetric(distributor, "dependency_failures_total")).toBeGreaterThan(0);
      else await subscriber.until("it is told", told);
      await publisher.number(client, 10);
      expect(subscriber.received).toEqual([]);
      await postgres.set("pass");
      await subscriber.all(publisher);
      if (transport !== "poll") await subscriber.live();
      await publisher.number(client);
      await subscriber.all(publisher);
      expect(subscriber.duplicates).toBe(0);
      await subscriber.close();
    },
  );
});

describe("an expired notification", () => {
  test.for(TRANSPORTS)("R35: is not replayed over %s, and is counted", async (transport) => {
    const client = `expired-${transport}`;
    const swept = await scrapeMetric(director, "notifications_swept_total");
    const brief = Array.from({ length: 3 }, (_, n) => ({ client, json: String(n), ttl: 1 }));
    await publisher.publish(brief);
    await publisher.number(client, 2);
    await storedFor(stack, [client], 2);
    const subscriber = await Subscriber.of(stack, { client, transport });
    await subscriber.connect(distributor);
    await publisher.number(client);
    await subscriber.until("the last is here", () => subscriber.received.length >= 3);
    expect(subscriber.received.map(({ id }) => id)).toEqual(publisher.accepted(client).slice(3));
    expect(await scrapeMetric(director, "notifications_swept_total")).toBe(swept + 3);
    await subscriber.close();
  });

  test.for(TRANSPORTS)("R35: is not delivered live over %s, and is counted", async (transport) => {
    const client = `late-${transport}`;
    const subscriber = await Subscriber.of(stack, { client, transport });
    await subscriber.connect(distributor);
    await publisher.number(client);
    await subscriber.all(publisher);
    const expired = (): Promise<number> => scrapeMetric(director, "notifications_settled_total", 'how="expired"');
    const before = await expired();
    director.kill("SIGSTOP");
    await publisher.publish(Array.from({ length: 3 }, (_, n) => ({ client, json: String(n), ttl: 1 })));
    // The test must let this time pass.
    await sleep(1_300);
    director.kill("SIGCONT");
    await publisher.number(client);
    await subscriber.until("the last is here", () => subscriber.received.length >= 2);
    const accepted = publisher.accepted(client);
    expect(subscriber.received.map(({ id }) => id)).toEqual([accepted[0], accepted[4]]);
    expect(await expired()).toBe(before + 3);
    await subscriber.close();
  });
});
