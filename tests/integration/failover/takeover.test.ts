import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { Crowd } from "#tests/support/crowd.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { produce } from "#tests/support/kafka-records.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

const SESSION_MS = 1_500;
const PARTITIONS = 12;

let stack: Stack;
let distributor: Service;
let publisher: Publisher;
let first: Service;
const directors: Service[] = [];

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "distributor"],
    env: {
      ACCEPTED_PARTITIONS: String(PARTITIONS),
      GROUP_SESSION_MS: String(SESSION_MS),
      INVITE_MS: "500",
      HOLD_MS: "1000",
      ACK_MS: "2000",
      DRAIN_MS: "0",
    },
  });
  distributor = stack.services[1]!;
  publisher = await Publisher.of(stack);
});

beforeEach(async () => {
  first = await startDirector();
});

afterEach(async () => {
  await Promise.all(directors.splice(0).map((director) => director.stop()));
});

afterAll(() => stack.close());

async function startDirector(): Promise<Service> {
  const director = await stack.start("director");
  directors.push(director);
  return director;
}

/** Publishes continuously while directors change; every client gets everything in order. */
async function checkThrough(name: string, change: (progress: () => Promise<void>) => Promise<void>): Promise<void> {
  const crowd = await Crowd.gather(stack, distributor, name);
  const stream = publisher.stream(crowd.clients, 10);
  /** Every connected client has a notification that was published after this call. */
  const progress = async (): Promise<void> => {
    const targets = crowd.connected.map((subscriber) => publisher.accepted(subscriber.client).length + 2);
    await Promise.all(
      crowd.connected.map((subscriber, index) =>
        subscriber.until("delivery goes on", () => subscriber.received.length >= targets[index]!),
      ),
    );
  };
  await progress();
  await change(progress);
  await progress();
  await stream.stop();
  await crowd.all(publisher, distributor);
  await crowd.close();
}

async function owns(director: Service, partitions: number): Promise<void> {
  await expect.poll(() => scrapeMetric(director, "partitions_owned")).toBe(partitions);
}

test("R32, R33: a director that ends hands over under load: nothing is lost or out of order", async () => {
  await checkThrough("end", async (progress) => {
    const second = await startDirector();
    await owns(second, PARTITIONS / 2);
    await progress();
    expect(await first.stop()).toEqual({ code: 0, signal: null });
    await owns(second, PARTITIONS);
  });
});

test("R32, R33: a new director replaces a killed one: nothing is lost or out of order", async () => {
  await checkThrough("kill", async () => {
    first.kill("SIGKILL");
    await first.exited;
    await owns(await startDirector(), PARTITIONS);
  });
});

test("R32, R33: a running director replaces a killed one: nothing is lost or out of order", async () => {
  await checkThrough("kill-one", async (progress) => {
    const second = await startDirector();
    await owns(second, PARTITIONS / 2);
    await progress();
    first.kill("SIGKILL");
    await owns(second, PARTITIONS);
  });
});

test("R32, R33: a director that stalls past its session wakes as a zombie: nothing is lost or out of order", async () => {
  await checkThrough("zombie", async (progress) => {
    first.kill("SIGSTOP");
    const second = await startDirector();
    await owns(second, PARTITIONS);
    await progress();
    first.kill("SIGCONT");
    // It learns of its absence, and takes its share again.
    await owns(second, PARTITIONS / 2);
    await owns(first, PARTITIONS / 2);
  });
});

test("R51: a director drops resent records of an earlier director", async () => {
  const client = "repeated";
  const subscriber = await Subscriber.of(stack, { client, transport: "websocket" });
  await subscriber.connect(distributor);
  const writer = new PackWriter();
  writer.notification({ key: `acme/${client}`, id: randomUUID(), payload: Buffer.from('{"n":0}') });
  const sent = writer.take();
  const partition = partitionOf(`acme/${client}`, PARTITIONS);
  await produce(stack, "accepted", partition, [sent]);
  await subscriber.until("it is here", () => subscriber.received.length === 1);
  await expect.poll(() => scrapeMetric(first, "notifications_unsettled"), { interval: 20 }).toBe(0);
  // Ends cleanly, and so with every offset committed.
  await first.stop();
  const second = await startDirector();
  await produce(stack, "accepted", partition, [sent]);
  await publisher.number(client, 3);
  await subscriber.until("what follows is here", () => subscriber.received.length >= 4);
  expect(subscriber.received).toHaveLength(4);
  expect(await scrapeMetric(second, "notifications_repeated_total")).toBe(1);
  await subscriber.close();
});
