import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { TRANSPORTS, type Transport } from "#tests/support/raw-transports.ts";

let stack: Stack;
let director: Service;
let distributors: [Service, Service];
let publisher: Publisher;

beforeAll(async () => {
  // With "any", a connection that returns to replaying misses notifications that another acknowledges meanwhile (R25).
  // No test uses it.
  stack = await startStack({
    services: ["receiver", "director", "distributor", "distributor"],
    env: { DRAIN_MS: "0", ACK_MS: "60000", POLL_GRACE_MS: "1000" },
  });
  director = stack.services[1]!;
  distributors = [stack.services[2]!, stack.services[3]!];
  publisher = await Publisher.of(stack);
});

afterAll(() => stack.close());

const of = (client: string, transport: Transport, acknowledge: "auto" | "manual" = "auto"): Promise<Subscriber> =>
  Subscriber.of(stack, { client, transport, acknowledge });

/** The connection has every notification from some point to the end, without a gap. */
async function expectSuffix(subscriber: Subscriber): Promise<void> {
  const accepted = publisher.accepted(subscriber.client);
  await subscriber.until("the last is here", () => subscriber.received.at(-1)?.id === accepted.at(-1));
  expect(subscriber.received.map(({ id }) => id)).toEqual(accepted.slice(-subscriber.received.length));
}

async function flows(...subscribers: Subscriber[]): Promise<void> {
  const targets = subscribers.map(({ received }) => received.length + 5);
  await Promise.all(
    subscribers.map((subscriber, index) =>
      subscriber.until("it flows", () => subscriber.received.length >= targets[index]!),
    ),
  );
}

describe.for(TRANSPORTS)("a further connection over %s", (transport) => {
  test("R25: under load each connection sees every notification from its start, in order, on any distributor", async () => {
    const client = `further-${transport}`;
    const [first, second, third] = [
      await of(client, "websocket"),
      await of(client, transport),
      await of(client, transport),
    ];
    await first.connect(distributors[0]);
    const stream = publisher.stream([client], 1);
    await flows(first);
    await second.connect(distributors[0]);
    await flows(first, second);
    await third.connect(distributors[1]);
    await flows(first, second, third);
    await stream.stop();
    await first.all(publisher);
    await expectSuffix(second);
    await expectSuffix(third);
    await Promise.all([first, second, third].map((subscriber) => subscriber.close()));
  });
});

test("R25: one acknowledgement settles a notification: a later connection without a cursor does not get it", async () => {
  const client = "any";
  const silent = await of(client, "sse", "manual");
  const reader = await of(client, "websocket", "manual");
  await silent.connect(distributors[0]);
  await reader.connect(distributors[1]);
  const acknowledged = (): Promise<number> =>
    scrapeMetric(director, "notifications_settled_total", 'how="acknowledged"');
  // The notifications of earlier tests are settled by then, too.
  await expect.poll(() => scrapeMetric(director, "notifications_unsettled")).toBe(0);
  const before = await acknowledged();
  await publisher.number(client, 20);
  await Promise.all([silent.all(publisher), reader.all(publisher)]);
  await reader.ack(reader.received[14]!.cursor);
  await expect.poll(acknowledged).toBe(before + 15);
  await Promise.all([silent.destroy(), reader.destroy()]);
  const later = await of(client, "poll");
  await later.connect(distributors[0]);
  await later.until("the rest is here", () => later.received.length >= 5);
  expect(later.received.map(({ id }) => id)).toEqual(publisher.accepted(client).slice(15));
  await later.close();
});

/** Which of a client's two connections acknowledges (by hand, all it has so far), which dies, and in which order. */
const EVENTS = [
  ["ack first", "die first"],
  ["ack first", "die second"],
  ["ack second", "die first"],
  ["ack second", "die second"],
  ["die first", "ack second"],
  ["die second", "ack first"],
  ["die first"],
  ["die second"],
  ["ack first", "die second", "ack first"],
  ["ack second", "die first", "ack second"],
  ["die first", "die second"],
  ["die second", "ack first", "die first"],
] as const;

describe.for(TRANSPORTS)("two connections, the second over %s", (transport) => {
  test.for(["here", "elsewhere"] as const)(
    "R25, R32: %s: nothing is lost, in any order of acknowledgements and deaths",
    async (where) => {
      await Promise.all(EVENTS.map((events, index) => checkOrder(`order-${transport}-${where}-${index}`, events)));

      async function checkOrder(client: string, events: readonly string[]): Promise<void> {
        const first = await of(client, "websocket", "manual");
        // A poll loop acknowledges with its next poll.
        const second = await of(client, transport, transport === "poll" ? "auto" : "manual");
        const stream = publisher.stream([client], 20);
        await first.connect(distributors[0]);
        await flows(first);
        await second.connect(distributors[where === "here" ? 0 : 1]);
        await flows(first, second);
        let acknowledged = "";
        for (const event of events) {
          const who = event.endsWith("first") ? first : second;
          if (event.startsWith("ack")) {
            acknowledged = who.cursor!;
            await who.ack(acknowledged, "post");
          } else await who.destroy();
          await flows(...[first, second].filter(({ open }) => open));
        }
        await stream.stop();
        for (const survivor of [first, second].filter(({ open }) => open)) {
          await expectSuffix(survivor);
          await survivor.destroy();
        }
        // A later connection gets at least every unacknowledged notification; a poll loop acknowledged more.
        const later = await of(client, "websocket");
        await later.connect(distributors[0]);
        await publisher.number(client);
        await expectSuffix(later);
        if (transport !== "poll") expect(later.received[0]!.id).toBe(nextAfter(acknowledged, [first, second], client));
        await later.close();
      }
    },
  );
});

/** The first notification after the acknowledged ones. */
function nextAfter(cursor: string, subscribers: Subscriber[], client: string): string {
  const id = subscribers.flatMap(({ received }) => received).find((item) => item.cursor === cursor)?.id;
  const accepted = publisher.accepted(client);
  return accepted[id === undefined ? 0 : accepted.indexOf(id) + 1]!;
}
