import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber, type Frame } from "#tests/support/subscriber.ts";
import { TRANSPORTS } from "#tests/support/raw-transports.ts";

const OUTBOX_BYTES = 128 * 1024;
const PAD = "x".repeat(60_000);
/** More than the socket buffers of a paused reader hold. */
const COUNT = 400;
/** Memory limit for slow readers beyond the normal use of the process: far below the 24 MB that each is sent. */
const MOST_RSS = 300 << 20;

let stack: Stack;
let director: Service;
let distributor: Service;
let publisher: Publisher;

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "director", "distributor"],
    env: {
      DRAIN_MS: "0",
      OUTBOX_BYTES: String(OUTBOX_BYTES),
      // Raises the director's own bound: a subscriber that does not read acknowledges nothing for a long time.
      LANE_MAX_BYTES: String(64 << 20),
      LANE_MAX_QUEUED: "4096",
      WINDOW: "4096",
      ACK_MS: "60000",
      STUCK_MS: "60000",
    },
  });
  [director, distributor] = [stack.services[1]!, stack.services[2]!];
  publisher = await Publisher.of(stack);
});

afterAll(() => stack.close());

describe.for(TRANSPORTS)("a reader over %s that stops reading", (transport) => {
  test("R32: fills its outbox, is stored, delays no other client, and gets everything in order when it reads again", async () => {
    const slow = await Subscriber.of(stack, { client: `slow-${transport}`, transport });
    const other = await Subscriber.of(stack, { client: `other-${transport}`, transport });
    await Promise.all([slow.connect(distributor), other.connect(distributor)]);
    await publisher.number([slow.client, other.client]);
    await Promise.all([slow.all(publisher), other.all(publisher)]);
    const refused = await scrapeMetric(distributor, "session_refusals_total", 'reason="slow"');
    slow.pause();
    for (let left = COUNT; left > 0; left -= 20) {
      await publisher.number(slow.client, 20, PAD);
      await publisher.number(other.client);
      // During the stall, and before the next one: no client waits for the slow one.
      await other.all(publisher);
    }
    await expect
      .poll(() => scrapeMetric(distributor, "session_refusals_total", 'reason="slow"'))
      .toBeGreaterThan(refused);
    await expect.poll(() => scrapeMetric(director, "notifications_unsettled")).toBeLessThan(COUNT / 2);
    expect(await scrapeMetric(distributor, "outbox_bytes")).toBeLessThanOrEqual(OUTBOX_BYTES);
    expect(slow.received.length).toBeLessThan(COUNT / 2);
    expect(await scrapeMetric(distributor, "process_resident_memory_bytes")).toBeLessThan(MOST_RSS);
    slow.resume();
    const ids = publisher.accepted(slow.client);
    await slow.until("it has all, or its end", () => slow.received.length === ids.length || !slow.open);
    // The library cuts an SSE stream that is not read for ten seconds: it reconnects (R31).
    if (!slow.open) await slow.connect(distributor);
    await slow.all(publisher);
    expect(slow.duplicates).toBe(0);
    await Promise.all([slow.close(), other.close()]);
  });
});

test.for(["websocket", "sse"] as const)(
  "R30: a connection over %s with a stuck outbox is closed with 4000, and gets everything when it reconnects",
  async (transport) => {
    const short = await stack.start("distributor", { STUCK_MS: "1000", HEARTBEAT_MS: "1000" });
    const stuck = await Subscriber.of(stack, { client: `stuck-${transport}`, transport });
    // Stored before, so that the outbox fills at once: a frame for a stuck reader is lost with its connection.
    await publisher.number(stuck.client, COUNT, PAD);
    await storedFor(stack, [stuck.client], COUNT);
    await stuck.connect(short);
    const { cursor } = stuck.frames[0] as Extract<Frame, { type: "connected" }>;
    stuck.pause();
    const open = (): Promise<number> => {
      // The reader reads nothing, but still does not count as silent (R42).
      if (transport === "websocket") stuck.say(JSON.stringify({ type: "ack", cursor }));
      return scrapeMetric(short, "connections");
    };
    await expect.poll(open).toBe(0);
    stuck.resume();
    await stuck.until("it ends", () => !stuck.open);
    expect(await scrapeMetric(short, "connections_closed_total", 'reason="The client did not read for too long"')).toBe(
      1,
    );
    expect(stuck.frames.at(-1)).toMatchObject({ type: "closing", code: 4000, reconnect: "now" });
    if (transport === "websocket") expect(stuck.end).toMatchObject({ code: 4000 });
    await stuck.connect(distributor);
    await stuck.all(publisher);
    await stuck.close();
  },
);
