import { connect, type Connection, type Options, type Status } from "@saasaparilla/client";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { expectSoon } from "#tests/support/client-library.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { relay } from "#tests/support/relay.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

/** The client library as an application uses it, against the real services. */
const TRANSPORTS = ["websocket", "sse", "poll"] as const;
type Transport = (typeof TRANSPORTS)[number];

let stack: Stack;
let receiver: Service;
let director: Service;
let distributor: Service;
let other: Service;
let publisherToken: string;

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "director", "distributor", "distributor"],
    env: { HEARTBEAT_MS: "1000", LEASE_MS: "3000", DRAIN_MS: "200" },
  });
  [receiver, director, distributor, other] = stack.services as [Service, Service, Service, Service];
  publisherToken = await stack.token({ publisher: "shop" });
});

afterAll(() => stack.close());

let clients = 0;
const newClient = (name: string): string => `${name}-${(clients += 1)}`;

async function publish(client: string, ...numbers: number[]): Promise<void> {
  const response = await fetch(`${receiver.url}/v1/notifications`, {
    method: "POST",
    headers: { authorization: `Bearer ${publisherToken}`, "content-type": "application/json" },
    body: JSON.stringify(numbers.map((n) => ({ to: { client }, data: n }))),
  });
  expect([response.status, await response.text()][0]).toBe(202);
}

const upTo = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => from + index);

interface Subscriber {
  connection: Connection;
  received: number[];
  statuses: Status[];
  states(): string[];
}

async function subscribe(client: string, options: Partial<Options> = {}): Promise<Subscriber> {
  const received: number[] = [];
  const statuses: Status[] = [];
  const connection = connect({
    url: distributor.url,
    token: await stack.token({ client }),
    ...options,
    async onNotification(notification) {
      await options.onNotification?.(notification);
      received.push(notification.data as number);
    },
    onState: (status) => statuses.push(status),
  });
  onTestFinished(() => connection.close());
  return { connection, received, statuses, states: () => statuses.map(({ state }) => state) };
}

describe.for(TRANSPORTS)("%s", (transport) => {
  test("stored notifications come first, then live ones, in order", async () => {
    const client = newClient("stored");
    await publish(client, ...upTo(300));
    const { received, connection, states } = await subscribe(client, { transport });
    await expectSoon(() => received, upTo(300));
    await expectSoon(() => connection.state, "live");
    for (const n of upTo(20, 301)) await publish(client, n);
    await expectSoon(() => received, upTo(320));
    expect(states()).toEqual(["connecting", "replaying", "live"]);
  });

  test("R3: another transport and distributor continue at the cursor", async () => {
    const client = newClient("resume");
    const first = await subscribe(client, { transport });
    await publish(client, 1, 2, 3);
    await expectSoon(() => first.received, [1, 2, 3]);
    await first.connection.close();
    await publish(client, 4, 5);
    const next = TRANSPORTS[(TRANSPORTS.indexOf(transport) + 1) % 3] as Transport;
    const second = await subscribe(client, { url: other.url, transport: next, cursor: first.connection.cursor! });
    await publish(client, 6);
    await expectSoon(() => second.received, [4, 5, 6]);
  });

  test("a handled notification is acknowledged: a connection without a cursor does not get it", async () => {
    const client = newClient("acknowledged");
    const first = await subscribe(client, { transport });
    await publish(client, ...upTo(100));
    await expectSoon(() => first.received, upTo(100));
    await first.connection.close();
    // An acknowledgement takes effect a moment after its answer.
    await expectSoon(() => scrapeMetric(director, "notifications_unsettled"), 0);
    await storedFor(stack, [client], 0);
    await publish(client, 101);
    const second = await subscribe(client, { transport });
    await expectSoon(() => second.received, [101]);
  });

  test("a slow handler gets every notification, one at a time", async () => {
    const client = newClient("slow");
    await publish(client, ...upTo(700));
    let running = 0;
    const { received } = await subscribe(client, {
      transport,
      async onNotification() {
        expect((running += 1)).toBe(1);
        await sleep(3);
        running -= 1;
      },
    });
    await publish(client, ...upTo(700, 701));
    await expectSoon(() => received, upTo(1_400));
  });

  test("a notification repeats when its handler throws; later ones wait", async () => {
    const client = newClient("throwing");
    let throws = 2;
    const { received, statuses } = await subscribe(client, {
      transport,
      random: () => 0.05,
      onNotification({ data }) {
        if (data === 2 && (throws -= 1) >= 0) throw new Error("not yet");
      },
    });
    await publish(client, 1, 2, 3);
    await expectSoon(() => received, [1, 2, 3]);
    expect(statuses.filter(({ error }) => error)).toHaveLength(2);
  });

  test("a broken connection reopens, and duplicates are dropped", async () => {
    const client = newClient("cut");
    const between = await relay(distributor.url);
    const { received, states } = await subscribe(client, {
      url: between.url,
      transport,
      onNotification: () => sleep(2),
    });
    for (let n = 0; n < 5; n += 1) {
      await publish(client, ...upTo(100, n * 100 + 1));
      await expectSoon(() => received.length > n * 100 + 10, true);
      between.cut();
    }
    await expectSoon(() => received, upTo(500));
    // The client does not notice a cut between two polls.
    if (transport !== "poll") expect(states()).toContain("waiting");
  });

  test("a refused token is not sent repeatedly", async () => {
    const between = await relay(distributor.url);
    const { connection, received } = await subscribe("nobody", { url: between.url, token: "nonsense", transport });
    expect((await connection.closed).code).toBe("forbidden");
    // A WebSocket asks for the reason of its refusal.
    expect(between.requests.length).toBe(transport === "websocket" ? 2 : 1);
    expect(received).toEqual([]);
  });

  test("a newer token is requested when the first one is refused", async () => {
    const client = newClient("token");
    const tokens = ["nonsense", await stack.token({ client })];
    const { received } = await subscribe(client, { transport, token: async () => tokens.shift()! });
    await publish(client, 1);
    await expectSoon(() => received, [1]);
  });

  test("R14: a token is renewed before its expiry, without a gap", async () => {
    const client = newClient("refresh");
    // A long poll sends its token with each request and hears only of an expired one. Servers allow 30 s of leeway.
    const ttls = transport === "poll" ? [-27, 3_600] : [3, 62, 3_600];
    const { received, connection } = await subscribe(client, {
      transport,
      token: () => stack.token({ client, ttl: ttls.shift() ?? 3_600 }),
    });
    for (let n = 1; ttls.length > 0; n += 1) {
      await publish(client, n);
      await expectSoon(() => received, upTo(n));
      await sleep(200);
    }
    expect(connection.state).not.toBe("closed");
  });

  test.each(["late", "never"])(
    "a client closed while its token is fetched, which comes %s, ends and does not connect",
    async (comes) => {
      const client = newClient("closing");
      const asked = Promise.withResolvers<void>();
      const given = Promise.withResolvers<string>();
      const token = (): Promise<string> => {
        asked.resolve();
        return given.promise;
      };
      const { connection, states } = await subscribe(client, { transport, token });
      await asked.promise;
      const closed = connection.close();
      if (comes === "late") given.resolve(await stack.token({ client }));
      await closed;
      expect(states()).toEqual(["connecting", "closed"]);
    },
  );

  test.skipIf(transport === "poll")("R14: a failed token renewal is reported, and changes nothing", async () => {
    const client = newClient("no-newer");
    let asked = 0;
    const token = (): Promise<string> =>
      (asked += 1) === 1 ? stack.token({ client, ttl: 3 }) : Promise.reject(new Error("the provider is away"));
    const { received, connection, statuses } = await subscribe(client, { transport, token });
    const told = () => statuses.map(({ error }) => error instanceof Error && error.message);
    await expect.poll(told).toContain("the provider is away");
    await publish(client, 1);
    await expectSoon(() => received, [1]);
    expect(connection.state).toBe("live");
  });

  test("a draining server tells the client to reconnect; a killed server is replaced by another", async () => {
    const client = newClient("failover");
    const between = await relay(distributor.url);
    const [killed, drained] = [await stack.start("distributor"), await stack.start("distributor")];
    between.target = killed.url;
    const { received, connection } = await subscribe(client, { url: between.url, transport });
    await publish(client, 1);
    await expectSoon(() => received, [1]);
    between.target = drained.url;
    killed.kill("SIGKILL");
    await publish(client, 2, 3);
    await expectSoon(() => received, [1, 2, 3]);
    between.target = distributor.url;
    await Promise.all([drained.stop(), publish(client, 4)]);
    await publish(client, 5);
    await expectSoon(() => received, [1, 2, 3, 4, 5]);
    expect(connection.state).not.toBe("closed");
  });

  test("the store keeps the cursor and supplies it", async () => {
    const client = newClient("store");
    let kept: string | undefined;
    const store = { load: () => kept, save: (cursor: string) => void (kept = cursor) };
    const first = await subscribe(client, { transport, store });
    await publish(client, 1, 2);
    await expectSoon(() => first.received, [1, 2]);
    await first.connection.close();
    expect(kept).toBe(first.connection.cursor);
    await publish(client, 3);
    const second = await subscribe(client, { transport, store });
    await expectSoon(() => second.received, [3]);
  });

  test("R4: a cursor of another client starts at the beginning", async () => {
    const [one, two] = [newClient("one"), newClient("two")];
    await publish(one, 1);
    const first = await subscribe(one, { transport });
    await expectSoon(() => first.received, [1]);
    await publish(two, 7, 8);
    const second = await subscribe(two, { transport, cursor: first.connection.cursor! });
    await publish(two, 9);
    await expectSoon(() => second.received, [7, 8, 9]);
  });
});

test("a WebSocket whose handler is far behind is closed, and reconnects for the rest", async () => {
  const client = newClient("behind");
  for (let thousand = 0; thousand < 6; thousand += 1) await publish(client, ...upTo(1_000, thousand * 1_000 + 1));
  const gate = Promise.withResolvers<void>();
  const { received, statuses } = await subscribe(client, {
    transport: "websocket",
    onNotification: () => gate.promise,
  });
  await expectSoon(() => statuses.at(-1)?.reason?.code, "behind");
  gate.resolve();
  await expectSoon(() => received, upTo(6_000));
});
