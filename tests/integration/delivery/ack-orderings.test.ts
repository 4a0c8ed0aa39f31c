import { afterAll, beforeAll, expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { lifeOf, ackOrderingsOf, type Event } from "#tests/simulation/ack-orderings.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

/**
 * The orders of tests/simulation/ack-orderings.test.ts that a stack has time for. Each order has its own client; all
 * run at once.
 */
const ORDERS = ackOrderingsOf(0, { A: lifeOf("A", 1, true), B: lifeOf("B", 1, true) });
const TRANSPORTS = [
  ["websocket", "websocket"],
  ["websocket", "sse"],
  ["sse", "websocket"],
  ["sse", "sse"],
] as const;

let stack: Stack;
let director: Service;
let distributors: Service[];
let publisher: Publisher;

beforeAll(async () => {
  // On a slow machine, too, a missing acknowledgement must not cause storing.
  stack = await startStack({
    services: ["receiver", "director", "distributor", "distributor"],
    env: { DRAIN_MS: "0", ACK_MS: "60000" },
  });
  director = stack.services[1]!;
  distributors = stack.services.slice(2);
  publisher = await Publisher.of(stack);
});

afterAll(() => stack.close());

/** Runs one order and publishes after each event. Returns how many notifications were acknowledged. */
async function runOrder(
  client: string,
  events: readonly Event[],
  transports: readonly ["websocket" | "sse", "websocket" | "sse"],
) {
  const [A, B] = await Promise.all(
    transports.map((transport) => Subscriber.of(stack, { client, transport, acknowledge: "manual" })),
  );
  const connections = { A: A!, B: B! };
  let acknowledged = 0;
  await publisher.number(client);
  for (const event of events) {
    const [what, name] = event.split(" ") as ["connect" | "ack" | "die", "A" | "B"];
    const subscriber = connections[name];
    const before = subscriber.received.length;
    if (what === "connect") await subscriber.connect(distributors[name === "A" ? 0 : 1]!);
    else if (what === "die") await subscriber.destroy();
    else {
      await subscriber.ack();
      acknowledged = Math.max(acknowledged, publisher.accepted(client).indexOf(subscriber.received.at(-1)!.id) + 1);
    }
    const owed = what === "connect" ? acknowledged : undefined;
    await publisher.number(client);
    const ids = publisher.accepted(client);
    for (const open of [connections.A, connections.B].filter((connection) => connection.open)) {
      await open.until(`the last is here after ${event}`, () => open.received.at(-1)?.id === ids.at(-1));
      // No gap after the first notification of this connection.
      expect(open.received.map(({ id }) => id)).toEqual(ids.slice(-open.received.length));
    }
    // The unacknowledged window comes first.
    if (owed !== undefined) expect(subscriber.received.length - before).toBeGreaterThanOrEqual(ids.length - owed);
  }
  return acknowledged;
}

test(`R25, R32: ${ORDERS.length * TRANSPORTS.length} orders: a connection first gets unacknowledged notifications, and so does the next one`, async () => {
  const runs = await Promise.all(
    TRANSPORTS.flatMap((transports) =>
      ORDERS.map(async (events, index) => {
        const client = `${transports.join("-")}-${index}`;
        return { client, acknowledged: await runOrder(client, events, transports) };
      }),
    ),
  );
  await expect.poll(() => scrapeMetric(director, "notifications_unsettled")).toBe(0);
  await Promise.all(
    runs.map(async ({ client, acknowledged }) => {
      const later = await Subscriber.of(stack, { client, transport: "websocket" });
      await later.connect(distributors[0]!);
      await publisher.number(client);
      const owed = publisher.accepted(client).slice(acknowledged);
      await later.until("the last is here", () => later.received.at(-1)?.id === owed.at(-1));
      expect(later.received.map(({ id }) => id)).toEqual(owed);
      await later.close();
    }),
  );
});
