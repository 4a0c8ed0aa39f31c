import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { TRANSPORTS } from "#tests/support/raw-transports.ts";

let stack: Stack;
let here: Service;
let there: Service;
let publisher: Publisher;

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "director", "distributor", "distributor"],
    env: { DRAIN_MS: "0", ACK_MS: "1000" },
  });
  [here, there] = [stack.services[2]!, stack.services[3]!];
  publisher = await Publisher.of(stack);
});

afterAll(() => stack.close());

const PAIRS = TRANSPORTS.flatMap((from) => TRANSPORTS.filter((to) => to !== from).map((to) => [from, to] as const));

describe("a cursor resumes on another transport, at another distributor", () => {
  test.for(PAIRS)(
    "R3: %s to %s: a cursor gets what it missed first, complete, without duplicates",
    async ([from, to]) => {
      const client = `${from}-${to}`;
      await publisher.number(client, 5);
      const subscriber = await Subscriber.of(stack, { client, transport: from });
      await subscriber.connect(here);
      await publisher.number(client, 5);
      await subscriber.all(publisher);
      await subscriber.close();
      await publisher.number(client, 5);
      await subscriber.connect(there, { transport: to });
      await publisher.number(client, 5);
      await subscriber.all(publisher);
      // And back, under load, while the platform still holds the old connection.
      const stream = publisher.stream([client], 2);
      const target = subscriber.received.length + 10;
      await subscriber.until("it flows", () => subscriber.received.length > target);
      await subscriber.destroy();
      await subscriber.connect(here, { transport: from });
      await subscriber.until("it flows on", () => subscriber.received.length > target + 20);
      await stream.stop();
      await subscriber.all(publisher);
      expect(subscriber.duplicates).toBe(0);
      await subscriber.close();
    },
  );
});

describe.for(TRANSPORTS)("%s without a cursor", (transport) => {
  test("R22, R33: unacknowledged notifications come again in order before new ones; acknowledged ones do not", async () => {
    const client = `unacknowledged-${transport}`;
    await publisher.number(client, 5);
    await storedFor(stack, [client], 5);
    const subscriber = await Subscriber.of(stack, { client, transport, acknowledge: "manual" });
    await subscriber.connect(here);
    await subscriber.all(publisher);
    await subscriber.ack(subscriber.received[2]!.cursor);
    await storedFor(stack, [client], 2);
    await subscriber.destroy();
    subscriber.acknowledge = "auto";
    await publisher.number(client, 3);
    await subscriber.connect(there, { cursor: undefined });
    await subscriber.until("all are here", () => subscriber.received.length === 8);
    await subscriber.all(publisher);
    expect(subscriber.duplicates).toBe(2);
    await subscriber.close();
  });

  test("R34: a live notification that was not acknowledged comes again", async () => {
    const client = `unread-${transport}`;
    const subscriber = await Subscriber.of(stack, { client, transport, acknowledge: "manual" });
    await subscriber.connect(here);
    await publisher.number(client, 5);
    await subscriber.until("something is here", () => subscriber.received.length > 0);
    await subscriber.destroy();
    const before = subscriber.received.length;
    subscriber.acknowledge = "auto";
    await subscriber.connect(there, { cursor: undefined });
    await publisher.number(client);
    await subscriber.all(publisher);
    expect(subscriber.duplicates).toBe(before);
    await subscriber.close();
  });

  test.for([
    ["another client's", () => `${"0001000000000000001"}abcdef`],
    ["garbage", () => "not a cursor"],
    ["of a later offset", (own: string) => `${own.slice(0, 4)}00000fffffff000${own.slice(19)}`],
    ["of a later epoch", (own: string) => `00ff${own.slice(4)}`],
  ] as const)(
    "R4, R11: a cursor that is %s is answered with the actual resume point, and nothing is missed",
    async ([what, wrong]) => {
      const client = `wrong-${what.replaceAll(/\W/g, "")}-${transport}`;
      await publisher.number(client);
      const first = await Subscriber.of(stack, { client, transport: "websocket", acknowledge: "manual" });
      await first.connect(here);
      await first.all(publisher);
      const own = first.cursor!;
      await first.close();
      await publisher.number(client, 4);
      await storedFor(stack, [client], 5);
      const subscriber = await Subscriber.of(stack, { client, transport });
      await subscriber.connect(there, { cursor: wrong(own) });
      await subscriber.all(publisher);
      await publisher.number(client, 2);
      await subscriber.all(publisher);
      const points = subscriber.frames.flatMap((frame) => (frame.type === "connected" ? [frame.cursor] : []));
      if (transport !== "poll") expect(points.at(-1)).toBe(`${"0".repeat(19)}${own.slice(19)}`);
      expect(subscriber.duplicates).toBe(0);
      await subscriber.close();
    },
  );
});

test("R22: an acknowledgement of an unsent notification deletes nothing; the next genuine one does", async () => {
  const client = "made-up";
  await publisher.number(client, 3);
  await storedFor(stack, [client], 3);
  const subscriber = await Subscriber.of(stack, { client, transport: "sse", acknowledge: "manual" });
  await subscriber.connect(here);
  await subscriber.all(publisher);
  const own = subscriber.cursor!;
  await subscriber.close();
  await subscriber.ack(`${own.slice(0, 4)}7${own.slice(5)}`, "post");
  await publisher.number(client);
  // Its order after the first one comes from the control topic: it is read once this notification is stored after it.
  await storedFor(stack, [client], 4);
  await subscriber.ack(own, "post");
  await storedFor(stack, [client], 1);
  expect(subscriber.received).toHaveLength(3);
});

test("R24: without acknowledgements connections see every notification once, in order, while their lane is stored again", async () => {
  const client = "mute";
  const mute = await Promise.all(
    (["websocket", "sse"] as const).map((transport) =>
      Subscriber.of(stack, { client, transport, acknowledge: "manual" }),
    ),
  );
  await Promise.all(mute.map((subscriber, index) => subscriber.connect([here, there][index]!)));
  const unacknowledged = (): Promise<number> =>
    scrapeMetric(stack.services[1]!, "lane_demotions_total", 'reason="unacknowledged"');
  const before = await unacknowledged();
  const stream = publisher.stream([client], 10);
  await expect.poll(unacknowledged).toBeGreaterThan(before + 3);
  await stream.stop();
  for (const subscriber of mute) {
    await subscriber.all(publisher);
    expect(subscriber.duplicates).toBe(0);
    await subscriber.close();
  }
});
