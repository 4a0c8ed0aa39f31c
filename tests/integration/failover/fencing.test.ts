import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { START } from "@saasaparilla/shared/protocol/notification.ts";
import { Kind, notificationBody, readDeliver, readPack, type Deliver } from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { produce, readAll } from "#tests/support/kafka-records.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

/**
 * Writes of a director to a slot without the right to write (lost, or never held): no client gets them. The test
 * writes them.
 */
let stack: Stack;
let director: Service;
let distributor: Service;
let publisher: Publisher;

beforeAll(async () => {
  // One partition: one director owns all clients here.
  stack = await startStack({
    services: ["receiver", "director", "distributor"],
    env: { ACCEPTED_PARTITIONS: "1", DRAIN_MS: "0" },
  });
  [director, distributor] = [stack.services[1]!, stack.services[2]!];
  publisher = await Publisher.of(stack);
});

afterAll(() => stack.close());

/** A live client that has received and acknowledged a notification. */
async function liveClient(client: string): Promise<Subscriber> {
  const subscriber = await Subscriber.of(stack, { client, transport: "websocket" });
  await subscriber.connect(distributor);
  await subscriber.live();
  await publisher.number(client);
  await subscriber.all(publisher);
  await expect.poll(() => scrapeMetric(director, "notifications_unsettled")).toBe(0);
  return subscriber;
}

interface Sent {
  slot: number;
  deliver: Deliver;
}

/** The last message to the client's connection. */
async function lastSent(client: string): Promise<Sent> {
  let last: Sent | undefined;
  for (const { partition, value } of await readAll(stack, "routed"))
    readPack(value, (kind, body) => {
      if (kind !== Kind.DELIVER) return;
      const deliver = readDeliver(body);
      if (notificationBody.key(deliver.body) === `acme/${client}`) last = { slot: partition, deliver };
    });
  return last!;
}

/** Writes the next message of this connection, with the given changes. */
async function forge({ slot, deliver }: Sent, client: string, change: Partial<Deliver>): Promise<void> {
  const writer = new PackWriter();
  writer.notification({ key: `acme/${client}`, id: randomUUID(), payload: Buffer.from('"forged"') });
  let body = deliver.body;
  readPack(writer.take(), (_, written) => (body = written));
  const sequence = `${deliver.sequence.slice(0, 16)}fff`;
  writer.deliver({ ...deliver, prev: deliver.sequence, sequence, body, ...change });
  await produce(stack, "routed", slot, [writer.take()]);
}

const fenced = (): Promise<number> => scrapeMetric(distributor, "routed_fenced_total");
const gaps = (): Promise<number> => scrapeMetric(distributor, "session_refusals_total", 'reason="gap"');
const dropped = async (): Promise<number> =>
  distributor.logs.filter(({ msg }) => msg?.startsWith("dropped: a notification for another client")).length;

test.for([
  [
    "R33",
    "for another incarnation of its slot",
    "incarnation",
    fenced,
    ({ incarnation }) => ({ incarnation: incarnation - 1 }),
  ],
  ["R33", "that does not follow what it was sent last", "prev", gaps, () => ({ prev: START })],
  ["R2", "for another client's connection", "client", dropped, () => ({})],
] as const satisfies [string, string, string, () => Promise<number>, (last: Deliver) => Partial<Deliver>][])(
  "%s: a connection does not get a message written %s",
  async ([, , name, refusals, change]) => {
    const subscriber = await liveClient(name);
    const last = await lastSent(name);
    const before = await refusals();
    await forge(last, name === "client" ? "somebody-else" : name, change(last.deliver));
    // The next message in the slot, or in Postgres after it.
    await publisher.number(name);
    await subscriber.all(publisher);
    await expect.poll(refusals).toBe(before + 1);
    await subscriber.close();
  },
);

test("R33: a connection unknown to its new director does not get late writes of the former one", async () => {
  const [quiet, other] = [await liveClient("quiet"), await liveClient("other")];
  const last = await lastSent(quiet.client);
  expect(await director.stop()).toEqual({ code: 0, signal: null });
  director = await stack.start("director");
  // The distributor learns the new generation from another client of the partition.
  await publisher.number(other.client);
  await other.all(publisher);
  const heard = await lastSent(other.client);
  expect(heard.deliver.generation).toBeGreaterThan(last.deliver.generation);
  const before = await fenced();
  await forge(last, quiet.client, {});
  await publisher.number(quiet.client);
  await quiet.all(publisher);
  await expect.poll(fenced).toBe(before + 1);
  await Promise.all([quiet.close(), other.close()]);
});

test("R32: a late claim that Kafka orders after the owner's only makes the owner claim again", async () => {
  const client = await liveClient("claimed");
  const writer = new PackWriter();
  writer.signal({ type: "claim", director: "one that had the partition before" });
  await produce(stack, "control", 0, [writer.take()]);
  await director.logged(({ msg }) => msg?.startsWith("late claim") ?? false);
  await publisher.number(client.client, 5);
  await client.all(publisher);
  expect(await scrapeMetric(director, "partitions_owned")).toBe(1);
  await client.close();
});
