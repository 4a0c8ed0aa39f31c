import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect as connectLibrary } from "#client/client.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { startProxy, type TcpProxy } from "#tests/support/tcp-proxy.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

/** R7, R39: the answers of polls with every wait, and the effect of a poll loop on limits. */
let stack: Stack;
let distributor: Service;
let publisher: Publisher;
let postgres: TcpProxy;

beforeAll(async () => {
  postgres = await startProxy(new URL(process.env.DATABASE_URL!).host);
  stack = await startStack({
    services: ["receiver", "director"],
    env: { DRAIN_MS: "0", ACK_MS: "1000", CLIENT_CONNECTIONS: "3", TENANT_CONNECTIONS: "6", POLL_GRACE_MS: "20000" },
  });
  const url = Object.assign(new URL(process.env.DATABASE_URL!), { host: postgres.address });
  distributor = await stack.start("distributor", { DATABASE_URL: url.href });
  publisher = await Publisher.of(stack);
});

afterAll(async () => {
  await stack.close();
  await postgres.close();
});

interface Answer {
  status: number;
  ids: string[];
  cursor: string;
  type?: string;
  retryAfter: string | null;
}

async function poll(client: string, query: string, tenant?: string): Promise<Answer> {
  const headers = { authorization: `Bearer ${await stack.token({ client, ...(tenant && { tenant }) })}` };
  const response = await fetch(`${distributor.url}/v1/poll?${query}`, { headers });
  const body = (await response.json()) as { notifications?: { id: string }[]; cursor: string; type?: string };
  const ids = (body.notifications ?? []).map(({ id }) => id);
  const { cursor, type } = body;
  return {
    status: response.status,
    ids,
    cursor,
    ...(type && { type }),
    retryAfter: response.headers.get("retry-after"),
  };
}

describe("R7: every wait", () => {
  test.for(["0", "0.001", "0.01"])("a new loop with wait=%s gives stored notifications", async (wait) => {
    const client = `short-${wait}`;
    await publisher.number(client, 3);
    await storedFor(stack, [client], 3);
    for (let time = 0; time < 5; time += 1)
      expect((await poll(client, `wait=${wait}`)).ids).toEqual(publisher.accepted(client));
  });

  test("polls with wait=0 give every page, then one empty answer", async () => {
    const client = "pages";
    await publisher.number(client, 450, "x".repeat(200));
    await storedFor(stack, [client], 450);
    const ids: string[] = [];
    let cursor = "";
    for (;;) {
      const answer = await poll(client, `wait=0${cursor && `&cursor=${cursor}`}`);
      if (answer.ids.length === 0) break;
      ids.push(...answer.ids);
      cursor = answer.cursor;
    }
    expect(ids).toEqual(publisher.accepted(client));
    // The next poll acknowledged these: they are gone.
    await storedFor(stack, [client], 0);
  });

  test("a continued loop gives notifications from between two polls", async () => {
    const client = "between";
    const first = await poll(client, "wait=0");
    expect(first.ids).toEqual([]);
    await publisher.number(client, 2);
    // Without acknowledgements, they are stored while the loop is idle.
    await storedFor(stack, [client], 2);
    expect((await poll(client, `wait=0&cursor=${first.cursor}`)).ids).toEqual(publisher.accepted(client));
  });

  test("an invented cursor with wait=0 resumes at the start at once", async () => {
    const client = "unknown";
    await publisher.number(client, 2);
    await storedFor(stack, [client], 2);
    const { cursor } = await poll(client, "wait=0");
    expect((await poll(client, `wait=0&cursor=00ff${cursor.slice(4)}`)).ids).toEqual(publisher.accepted(client));
  });
});

test("R7: while stored notifications are unreadable a poll is 503, never empty, and its loop gives them later", async () => {
  const client = "away";
  await publisher.number(client, 3);
  await storedFor(stack, [client], 3);
  const before = await scrapeMetric(distributor, "polls_unread_total");
  await postgres.set("hang");
  const answers = await Promise.all(["wait=0", "wait=1"].map((query) => poll(client, query)));
  for (const answer of answers)
    expect(answer).toMatchObject({ status: 503, type: "/problems/replay-pending", retryAfter: "1" });
  expect(await scrapeMetric(distributor, "polls_unread_total")).toBe(before + 2);
  const states: string[] = [];
  const got: string[] = [];
  const library = connectLibrary({
    url: distributor.url,
    token: await stack.token({ client }),
    transport: "poll",
    onNotification: ({ id }) => void got.push(id),
    onState: ({ state }) => states.push(state),
  });
  await expect.poll(() => scrapeMetric(distributor, "polls_unread_total")).toBe(before + 3);
  expect(states).not.toContain("live");
  await postgres.set("pass");
  await expect.poll(() => got).toEqual(publisher.accepted(client));
  await expect.poll(() => library.state).toBe("live");
  await library.close();
});

test("R7: polls without a cursor share a loop until its first items", async () => {
  const opened = (): Promise<number> => scrapeMetric(distributor, "connections_opened_total", 'transport="poll"');
  const before = await opened();
  for (let time = 0; time < 5; time += 1) expect((await poll("nothing-yet", "wait=0")).ids).toEqual([]);
  expect(await opened()).toBe(before + 1);
});

test("R6: a polyfill's lastEventId acts as a cursor, and overrides the cursor of its first URL", async () => {
  const client = "polyfill";
  await publisher.number(client, 4);
  await storedFor(stack, [client], 4);
  const subscriber = await Subscriber.of(stack, { client, transport: "sse", acknowledge: "manual" });
  await subscriber.connect(distributor);
  await subscriber.all(publisher);
  await subscriber.close();
  const [first, , third] = subscriber.received.map(({ cursor }) => cursor) as [string, string, string];
  const headers = { authorization: `Bearer ${await stack.token({ client })}` };
  const resumedAt = async (query: string, more: Record<string, string> = {}): Promise<string> => {
    const stop = new AbortController();
    const response = await fetch(`${distributor.url}/v1/sse?${query}`, {
      headers: { ...headers, ...more },
      signal: stop.signal,
    });
    const { value } = await response.body!.pipeThrough(new TextDecoderStream()).getReader().read();
    stop.abort();
    return /id: ([0-9a-f]{25})/.exec(value!)![1]!;
  };
  expect(await resumedAt(`lastEventId=${third}`)).toBe(third);
  expect(await resumedAt(`cursor=${first}&lastEventId=${third}`)).toBe(third);
  expect(await resumedAt(`cursor=${first}&lastEventId=`)).toBe(first);
  expect(await resumedAt(`cursor=${first}`, { "last-event-id": third })).toBe(third);
  expect((await poll(client, `wait=0&lastEventId=${third}`)).ids).toEqual(publisher.accepted(client).slice(3));
});

describe("R39: idle loops", () => {
  test.for(["websocket", "sse"] as const)(
    "polls without a cursor end no live connection over %s",
    async (transport) => {
      const client = `push-${transport}`;
      const live = await Subscriber.of(stack, { client, transport });
      await live.connect(distributor);
      await live.live();
      await publisher.number(client);
      await live.all(publisher);
      const opened = (): Promise<number> => scrapeMetric(distributor, "connections_opened_total", 'transport="poll"');
      const before = await opened();
      // Each cursor belongs to no loop, so each poll begins one.
      for (let time = 1; time < 11; time += 1) {
        const cursor = live.cursor!.replace(/^.{19}/, time.toString(16).padStart(19, "0"));
        expect(await poll(client, `wait=0&cursor=${cursor}`)).toMatchObject({ status: 200 });
      }
      expect(await opened()).toBe(before + 10);
      await publisher.number(client);
      await live.all(publisher);
      expect(live.open).toBe(true);
      await live.close();
    },
  );

  test("a new loop is 429 among live connections only, and a stream ends an idle loop before any of them", async () => {
    const client = "full";
    const streams = await Promise.all(
      ["websocket", "sse"].map((transport) =>
        Subscriber.of(stack, { client, transport: transport as "websocket" | "sse" }),
      ),
    );
    for (const stream of streams) await stream.connect(distributor);
    expect(await poll(client, "wait=0")).toMatchObject({ status: 200 });
    const third = await Subscriber.of(stack, { client, transport: "websocket" });
    await third.connect(distributor);
    expect(streams.every(({ open }) => open)).toBe(true);
    const refused = await poll(client, "wait=0");
    expect(refused).toMatchObject({ status: 429, type: "/problems/rate-limited" });
    expect(Number(refused.retryAfter)).toBeGreaterThan(0);
    expect(await scrapeMetric(distributor, "connections_refused_total", 'reason="client"')).toBe(1);
    await Promise.all([...streams, third].map((stream) => stream.close()));
  });

  test("idle loops give way to new connections of their own tenant", async () => {
    for (let one = 0; one < 9; one += 1)
      expect(await poll(`one-off-${one}`, "wait=0", "other")).toMatchObject({ status: 200 });
    const connections = (): Promise<number> => scrapeMetric(distributor, "connections", 'transport="poll"');
    expect(await connections()).toBeLessThanOrEqual(6 + 6);
    const mine = await poll("mine", "wait=0");
    for (let one = 0; one < 9; one += 1) await poll(`two-off-${one}`, "wait=0", "other");
    // The loop continues: a new loop would count as opened.
    const opened = await scrapeMetric(distributor, "connections_opened_total", 'transport="poll"');
    expect(await poll("mine", `wait=0&cursor=${mine.cursor}`)).toMatchObject({ status: 200 });
    expect(await scrapeMetric(distributor, "connections_opened_total", 'transport="poll"')).toBe(opened);
  });
});

test("R7: a new loop with wait=0 gives the unacknowledged notifications of an idle loop", async () => {
  const client = "unsettled";
  const idle = await poll(client, "wait=0");
  expect(idle.ids).toEqual([]);
  const delivered = (): Promise<number> => scrapeMetric(distributor, "notifications_delivered_total", 'source="live"');
  const before = await delivered();
  await publisher.number(client, 3);
  await expect.poll(delivered).toBe(before + 3);
  expect((await poll(client, "wait=0")).ids).toEqual(publisher.accepted(client));
});

test("R7: a poll ends with a notification, or when its wait is over", async () => {
  const client = "waits";
  const waiting = poll(client, "wait=30");
  await publisher.number(client);
  const { ids, cursor } = await waiting;
  expect(ids).toEqual(publisher.accepted(client));
  const before = performance.now();
  expect((await poll(client, `wait=1&cursor=${cursor}`)).ids).toEqual([]);
  expect(performance.now() - before).toBeGreaterThan(990);
});
