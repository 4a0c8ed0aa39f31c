import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startDelivery } from "#tests/support/delivery.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import type { Publisher } from "#tests/support/publisher.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import { Subscriber, type Notification } from "#tests/support/subscriber.ts";
import { SUBPROTOCOL, TRANSPORTS } from "#tests/support/raw-transports.ts";

let stack: Stack;
let distributor: Service;
let publisher: Publisher;

beforeAll(async () => {
  ({ stack, distributor, publisher } = await startDelivery());
});

afterAll(() => stack.close());

/** Payloads that a parser and a writer would change: each must arrive byte for byte. */
const WRITTEN = [
  '{"n":1,"text":"a\\rb\\nc"}',
  "12345678901234567890",
  "1.0",
  "-0",
  "1e2",
  "null",
  '""',
  '"\\u00e4 ä € 😀 \\u2028"',
  '"\u2028 and \u2029"',
  '{"b":1,"a":1,"b":2}',
  "[ 1, 2 ]",
  '{"data":{"id":"x"},"cursor":"\\n"}',
  `"${"x".repeat(20_000)}"`,
];

describe.for(TRANSPORTS)("%s", (transport) => {
  test("R15: data arrives byte for byte, live, with id, event, time and trace of its request", async () => {
    const subscriber = await Subscriber.of(stack, { client: `exact-${transport}`, transport });
    await subscriber.connect(distributor);
    if (transport !== "poll") await subscriber.live();
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const before = Date.now();
    for (const json of WRITTEN) {
      const raw = subscriber.received.length;
      const [id] = await publisher.publish([{ client: subscriber.client, json, event: "order.shipped" }], {
        traceparent,
      });
      await subscriber.until(`${json.slice(0, 30)} is here`, () => subscriber.received.length > raw);
      expect(subscriber.received.at(-1)).toMatchObject({
        id,
        event: "order.shipped",
        traceparent,
        data: JSON.parse(json),
      });
      expect(subscriber.frames.at(-1)!.raw).toContain(`"data":${json}}`);
      expectBetween(subscriber.received.at(-1)!, before, Date.now());
    }
    await subscriber.all(publisher);
    await subscriber.close();
  });

  test("R15: a notification without event and trace has neither", async () => {
    const subscriber = await Subscriber.of(stack, { client: `plain-${transport}`, transport });
    await subscriber.connect(distributor);
    await publisher.number(subscriber.client);
    await subscriber.all(publisher);
    expect(Object.keys(subscriber.received[0]!).sort()).toEqual(["cursor", "data", "id", "publishedAt", "type"]);
    await subscriber.close();
  });

  test("R33: a batch arrives in order, each notification once", async () => {
    const subscriber = await Subscriber.of(stack, { client: `many-${transport}`, transport });
    await subscriber.connect(distributor);
    for (const count of [2, 50, 700]) await publisher.number(subscriber.client, count);
    await subscriber.all(publisher);
    expect(subscriber.duplicates).toBe(0);
    await subscriber.close();
  });

  test.skipIf(transport === "poll")(
    'R10, R12: "connected" comes first, with a cursor before every notification; "live" after stored ones',
    async () => {
      const client = `frames-${transport}`;
      await publisher.number(client, 3);
      await storedFor(stack, [client], 3);
      const subscriber = await Subscriber.of(stack, { client, transport });
      await subscriber.connect(distributor);
      await subscriber.live();
      await publisher.number(client);
      await subscriber.all(publisher);
      const types = subscriber.frames.flatMap((frame) =>
        frame.type === "notifications" ? frame.items.map(({ type }) => type) : [frame.type],
      );
      expect(types).toEqual(["connected", "notification", "notification", "notification", "live", "notification"]);
      expect(subscriber.frames[0]).toMatchObject({ heartbeat: 1, limits: { frameBytes: 16_384 } });
      await subscriber.close();
    },
  );
});

test("R24: an EventSource without acknowledgements gets everything", async () => {
  const subscriber = await Subscriber.of(stack, { client: "event-source", transport: "sse", acknowledge: "never" });
  await subscriber.connect(distributor);
  await subscriber.live();
  for (const count of [1, 1_000, 1]) await publisher.number(subscriber.client, count);
  await subscriber.all(publisher);
  expect(subscriber.duplicates).toBe(0);
  await subscriber.close();
});

test("R21: a browser's WebSocket acknowledges by reading", async () => {
  const client = "browser";
  const { url } = distributor;
  const protocols = [SUBPROTOCOL, `bearer.${await stack.token({ client })}`];
  const acknowledged = await scrapeMetric(distributor, "acknowledgements_total");
  // The socket drops messages until it has listeners, so nothing is awaited before that.
  const socket = new WebSocket(`${url.replace("http", "ws")}/v1/ws`, protocols);
  const delivered = Promise.withResolvers<void>();
  const closed = new Promise<void>((done) =>
    socket.addEventListener("close", ({ code, reason }) => {
      delivered.reject(new Error(`closed with ${code} ${reason}`));
      done();
    }),
  );
  socket.addEventListener("message", ({ data }) => {
    if (String(data).includes('"data":{"n":0,')) delivered.resolve();
    else if (data === '{"type":"live"}') void publisher.number(client);
  });
  try {
    await delivered.promise;
    expect(socket.protocol).toBe(SUBPROTOCOL);
    await expect.poll(() => scrapeMetric(distributor, "acknowledgements_total")).toBe(acknowledged + 1);
  } finally {
    socket.close();
    await closed;
  }
  await publisher.number(client);
  const again = await Subscriber.of(stack, { client, transport: "websocket" });
  await again.connect(distributor);
  await again.until("something is here", () => again.received.length > 0);
  expect(again.received.map(({ id }) => id)).toEqual(publisher.accepted(client).slice(1));
  await again.close();
});

test("R42: an idle connection gets heartbeats, and one that does not answer is closed", async () => {
  const [webSocket, sse, silent] = await Promise.all(
    (["websocket", "sse", "websocket"] as const).map(async (transport) => {
      const subscriber = await Subscriber.of(stack, { client: "idle", transport });
      return subscriber.connect(distributor);
    }),
  );
  const before = await scrapeMetric(distributor, "connections");
  silent!.pause();
  for (const subscriber of [webSocket!, sse!]) {
    await subscriber.until("two heartbeats", () => subscriber.heartbeats >= 2);
  }
  await expect.poll(() => scrapeMetric(distributor, "connections")).toBe(before - 1);
  await Promise.all([webSocket!.close(), sse!.close(), silent!.destroy()]);
});

function expectBetween({ publishedAt }: Notification, before: number, after: number): void {
  expect(Date.parse(publishedAt)).toBeGreaterThanOrEqual(before - 5);
  expect(Date.parse(publishedAt)).toBeLessThanOrEqual(after + 5);
}
