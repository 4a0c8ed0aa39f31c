import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FullInboxes } from "@saasaparilla/shared/postgres/full-inboxes.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { packSequence, sequenceAt } from "@saasaparilla/shared/protocol/notification.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { StoredNotifications } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

const MOST = 50;

let stack: Stack;
let receiver: Service;
let distributor: Service;
let token: string;

beforeAll(async () => {
  const env = { CLIENT_STORED: String(MOST), DRAIN_MS: "0" };
  stack = await startStack({ services: ["receiver", "director", "distributor"], env });
  [receiver, , distributor] = stack.services as [Service, Service, Service];
  token = await stack.token({ publisher: "tests" });
});

afterAll(() => stack.close());

interface Item {
  id: string;
  to: { client: string };
  data: number;
}

const itemOf = (client: string, data = 0): Item => ({ id: randomUUID(), to: { client }, data });

async function publish(items: Item[]) {
  const response = await fetch(`${receiver.url}/v1/notifications`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify(items),
  });
  return { status: response.status, retryAfter: response.headers.get("retry-after"), body: await response.json() };
}

const areFull = (count: number): Promise<void> =>
  expect.poll(() => scrapeMetric(receiver, "clients_full"), { timeout: 60_000, interval: 100 }).toBe(count);

test("R32, R55: a client with a full inbox gets no more until it reads, and accepted notifications stay", async () => {
  const much = Array.from({ length: MOST + 10 }, (_, n) => itemOf("much", n));
  expect((await publish(much)).body).toMatchObject({ accepted: MOST + 10 });
  await storedFor(stack, ["much"], MOST + 10);
  await areFull(1);

  const alone = await publish([itemOf("much")]);
  expect(alone).toMatchObject({ status: 429, body: { type: "/problems/client-full" } });
  expect(Number(alone.retryAfter)).toBeGreaterThan(0);
  const [again, refused, other] = [much[0]!, itemOf("much"), itemOf("little")];
  const mixed = await publish([again, refused, other]);
  expect(mixed).toMatchObject({ status: 202, body: { accepted: 2, rejected: 1 } });
  expect(mixed.body).toMatchObject({ items: [{ id: again.id }, { problem: { status: 429 } }, { id: other.id }] });

  const subscriber = await Subscriber.of(stack, { client: "much", transport: "websocket" });
  await subscriber.connect(distributor);
  await subscriber.until("all is here", () => subscriber.received.length === much.length);
  expect(subscriber.received.map(({ id }) => id)).toEqual(much.map(({ id }) => id));
  await storedFor(stack, ["much"], 0);
  await areFull(0);
  // The refused request again: its id is free.
  expect((await publish([refused])).status).toBe(202);
  await subscriber.until("it is here", () => subscriber.received.at(-1)!.id === refused.id);
  await subscriber.close();
});

test("R55: a client that reads a tenth has room again, and so has a client with a higher limit", async () => {
  const postgres = connectPostgres(stack.env.DATABASE_URL!, {
    service: "test",
    log: createLog("test", "warn"),
    health: new Health([]),
  });
  // A stack without directors: they would process the marked clients.
  const idle = await startStack({ services: [] });
  try {
    const fullInboxes = new FullInboxes(postgres, idle.namespace);
    const stored = new StoredNotifications(postgres, idle.namespace);
    const sequences = Array.from({ length: 20 }, (_, n) => sequenceAt(packSequence(0, n), 1));
    const [reads, waits] = ["acme/reads", "acme/waits"] as const;
    for (const client of [reads, waits])
      await stored.insert(
        sequences.map((sequence) => ({
          client,
          sequence,
          appended: Date.now(),
          expires: undefined,
          body: Buffer.of(0),
        })),
      );
    expect(await fullInboxes.mark(new Map([[waits, 21]]))).toEqual([]);
    expect(
      (
        await fullInboxes.mark(
          new Map([
            [reads, 20],
            [waits, 20],
          ]),
        )
      ).toSorted(),
    ).toEqual([reads, waits]);
    expect(await fullInboxes.mark(new Map([[waits, 20]]))).toEqual([]);
    await stored.deleteUpTo(new Map([[reads, sequences[0]!]]));
    expect(await fullInboxes.clearRead()).toEqual([]);
    await stored.deleteUpTo(new Map([[reads, sequences[1]!]]));
    expect(await fullInboxes.clearRead()).toEqual([reads]);
    expect(await fullInboxes.toCount()).toBeUndefined();
    await postgres.pool.query(`update "${idle.namespace}".full_clients set counted = now() - interval '2 minutes'`);
    expect(await fullInboxes.toCount()).toBe(waits);
    expect(await fullInboxes.toCount()).toBeUndefined();
    expect(await fullInboxes.clear(waits, 21)).toBe(false);
    expect(await fullInboxes.all(10)).toEqual([waits]);
    expect(await fullInboxes.clear(waits, 23)).toBe(true);
    expect(await fullInboxes.all(10)).toEqual([]);
  } finally {
    await postgres.close();
    await idle.close();
  }
});
