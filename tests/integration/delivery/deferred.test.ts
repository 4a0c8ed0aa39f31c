import { expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startProxy } from "#tests/support/tcp-proxy.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

test("while Postgres is away live clients continue, and offline clients get deferred notifications in order later", async () => {
  const database = new URL(process.env.DATABASE_URL!);
  const proxy = await startProxy(`${database.hostname}:${database.port}`);
  const proxied = new URL(database);
  proxied.host = proxy.address;
  const env = { DATABASE_URL: proxied.href, DRAIN_MS: "0", PARTITION_MAX_UNSETTLED: "500" };
  const stack = await startStack({ services: ["receiver"] });
  try {
    const director = await stack.start("director", env);
    const distributor = await stack.start("distributor", env);
    const publisher = await Publisher.of(stack);
    const online = await Subscriber.of(stack, { client: "online", transport: "websocket" });
    await online.connect(distributor);
    await online.live();
    const offline = ["off-1", "off-2", "off-3"];
    await publisher.number(offline, 10);

    await proxy.set("refuse");
    // Far more than a partition may hold unsettled: without the deferred topic it would pause, and "online" would wait.
    for (let round = 0; round < 20; round += 1) {
      await publisher.number(offline, 100);
      await publisher.number("online", 5);
    }
    await online.all(publisher);
    expect(await scrapeMetric(director, "notifications_deferred_total")).toBeGreaterThan(0);
    const waiting = await Promise.all(offline.map((client) => Subscriber.of(stack, { client, transport: "sse" })));
    for (const subscriber of waiting) {
      await subscriber.connect(distributor);
      await subscriber.until("it is told to wait", () =>
        subscriber.frames.some(({ type }) => type === "replay_pending"),
      );
      expect(subscriber.received).toEqual([]);
    }

    await proxy.set("pass");
    const stream = publisher.stream([...offline, "online"], 5);
    await Promise.all(waiting.map((subscriber) => subscriber.live()));
    await stream.stop();
    for (const subscriber of [online, ...waiting]) {
      await subscriber.all(publisher);
      expect(subscriber.duplicates).toBe(0);
      await subscriber.close();
    }
  } finally {
    await stack.close();
    await proxy.close();
  }
});

test("a director that takes over during a Postgres outage stores after its predecessor's deferred notifications", async () => {
  const database = new URL(process.env.DATABASE_URL!);
  const proxy = await startProxy(`${database.hostname}:${database.port}`);
  const proxied = new URL(database);
  proxied.host = proxy.address;
  const stack = await startStack({ services: ["receiver", "distributor"] });
  try {
    const env = { DATABASE_URL: proxied.href, GROUP_SESSION_MS: "1000" };
    const first = await stack.start("director", env);
    const second = await stack.start("director", env);
    const publisher = await Publisher.of(stack);
    const clients = Array.from({ length: 24 }, (_, index) => `client-${index}`);
    await publisher.number(clients, 5);
    await proxy.set("refuse");
    await publisher.number(clients, 20);
    first.kill("SIGKILL");
    await first.exited;
    await publisher.number(clients, 20);
    await expect.poll(() => scrapeMetric(second, "partitions_owned"), { interval: 50 }).toBe(4);
    await publisher.number(clients, 20);
    await proxy.set("pass");
    await Promise.all(
      clients.map(async (client) => {
        const subscriber = await Subscriber.of(stack, { client, transport: "websocket" });
        await subscriber.connect(stack.services[1]!);
        await subscriber.all(publisher);
        await subscriber.close();
      }),
    );
  } finally {
    await stack.close();
    await proxy.close();
  }
});
