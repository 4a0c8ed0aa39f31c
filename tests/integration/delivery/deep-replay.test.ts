import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { packSequence, sequenceAt } from "@saasaparilla/shared/protocol/notification.ts";
import { readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { StoredNotifications } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import { Crowd } from "#tests/support/crowd.ts";
import { startDelivery } from "#tests/support/delivery.ts";
import { LONG } from "#tests/support/long-form.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import type { Publisher } from "#tests/support/publisher.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import type { Transport } from "#tests/support/raw-transports.ts";

/** Both forms replay the same number of bytes. The short form has a quarter of the notifications. */
const FEWER = LONG ? 1 : 4;
const PAYLOAD = Buffer.from(JSON.stringify({ pad: "x".repeat(1_900 * FEWER) }));
const OUTBOX_BYTES = 256 * 1024;
/**
 * Limit for a distributor that has replayed before, during a replay of 200 MB: only garbage that is not collected yet.
 */
const MOST_GROWTH = 120 << 20;
/** The warm-up replay: the heap reaches its size, and the code is compiled. */
const BEFORE = 20_000 / FEWER;
/** How often the reader pauses in its first half, until the other clients have their notifications. */
const PAUSES = 5;

let stack: Stack;
let distributor: Service;
let publisher: Publisher;

beforeAll(async () => {
  ({ stack, distributor, publisher } = await startDelivery({ OUTBOX_BYTES: String(OUTBOX_BYTES) }));
});

afterAll(() => stack.close());

/** Inserts rows as the director does, of an earlier epoch: publishing this number would take a minute. */
async function store(client: string, count: number): Promise<string[]> {
  const postgres = connectPostgres(stack.env.DATABASE_URL!, {
    service: "test",
    log: createLog("test", "warn"),
    health: new Health([]),
  });
  const stored = new StoredNotifications(postgres, stack.namespace);
  const ids = Array.from({ length: count }, () => randomUUID());
  const rows = ids.map((id, n) => {
    const sequence = sequenceAt(packSequence(0, n), 1);
    return { client: `acme/${client}`, sequence, appended: Date.now(), expires: undefined, body: bodyOf(client, id) };
  });
  for (let from = 0; from < count; from += 500) await stored.insert(rows.slice(from, from + 500));
  await postgres.close();
  return ids;
}

async function away(transport: Transport): Promise<void> {
  const client = `away-before-${transport}`;
  await store(client, BEFORE);
  const subscriber = await Subscriber.of(stack, { client, transport });
  await reach(subscriber, BEFORE);
  await storedFor(stack, [client], 0);
  await subscriber.close();
}

/** An SSE stream that is not read for ten seconds is cut, and reconnects (R31). */
async function reach(subscriber: Subscriber, wanted: number): Promise<void> {
  while (subscriber.received.length < wanted) {
    if (!subscriber.open) await subscriber.connect(distributor);
    await subscriber.until(`it has ${wanted}`, () => subscriber.received.length >= wanted || !subscriber.open, 60_000);
  }
}

function bodyOf(client: string, id: string): Buffer {
  const writer = new PackWriter(16_384);
  writer.notification({ key: `acme/${client}`, id, payload: PAYLOAD });
  const found: Buffer[] = [];
  readPack(writer.take(), (_, body) => found.push(body));
  return found[0]!;
}

test.for([
  ["websocket", 100_000 / FEWER],
  ["sse", 20_000 / FEWER],
  ["poll", 20_000 / FEWER],
] as const)(
  'R12, R24, R33: %s: %i stored replay at the reader\'s pace, once, in order, before "live", in bounded memory, and delay no client',
  async ([transport, count]) => {
    await away(transport);
    const client = `long-away-${transport}`;
    const ids = await store(client, count);
    const others = await Crowd.gather(stack, distributor, `beside-${transport}`, 2);
    // Each poll acknowledges the previous one.
    const acknowledge = transport === "poll" ? "auto" : "manual";
    const long = await Subscriber.of(stack, { client, transport, acknowledge });
    const memory = () => scrapeMetric(distributor, "process_resident_memory_bytes");
    const before = await memory();
    let most = before;
    for (let pause = 1; pause <= PAUSES; pause += 1) {
      await reach(long, (count / 2 / PAUSES) * pause);
      if (long.open) long.pause();
      await publisher.number(others.clients);
      await Promise.all(others.connected.map((subscriber) => subscriber.all(publisher)));
      expect(long.received.length).toBeLessThan(count);
      expect(await scrapeMetric(distributor, "outbox_bytes")).toBeLessThanOrEqual(OUTBOX_BYTES);
      most = Math.max(most, await memory());
      if (long.open) long.resume();
    }
    const sampled = (async () => {
      for (; long.received.length < count; await sleep(100)) most = Math.max(most, await memory());
    })();
    await Promise.all([reach(long, count), sampled]);
    expect(most - before).toBeLessThan(MOST_GROWTH);
    expect(long.received.map(({ id }) => id)).toEqual(ids);
    expect(long.duplicates).toBe(0);
    if (transport !== "poll") {
      await long.live();
      expect(long.frames.at(-1)!.type).toBe("live");
      // No row is deleted before its acknowledgement.
      await storedFor(stack, [client], count);
      await long.ack();
    }
    await storedFor(stack, [client], 0);
    await long.close();
    await others.all(publisher, distributor);
    await others.close();
  },
);
