import { connect as connectTo } from "node:net";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { startDelivery } from "#tests/support/delivery.ts";
import { delivering, expectSoon, faster, serve, subscribing } from "#tests/support/client-library.ts";
import { startProxy } from "#tests/support/tcp-proxy.ts";
import { between, relay } from "#tests/support/relay.ts";
import type { Publisher } from "#tests/support/publisher.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import { TRANSPORTS } from "#tests/support/raw-transports.ts";

/** Effects of the network and of the page's environment on the client library's connection to a distributor. */
let stack: Stack;
let distributor: Service;
let publisher: Publisher;

beforeAll(async () => {
  ({ stack, distributor, publisher } = await startDelivery());
});

afterAll(() => stack.close());

const subscribe = subscribing(() => ({ url: distributor.url, token: (client) => stack.token({ client }) }));
const expectDelivery = delivering(() => publisher);

describe.for(TRANSPORTS)("%s", (transport) => {
  test("a URL that answered well once counts as right from then on", async () => {
    let strange = false;
    const proxy = await startProxy(distributor.url.slice("http://".length));
    onTestFinished(() => proxy.close());
    // An open connection would carry the next request to this server, too.
    const server = await serve((_, response) => response.writeHead(404, { connection: "close" }).end());
    const { url } = await between((near) => {
      const target = new URL(strange ? server.url : `http://${proxy.address}`);
      const far = connectTo({ host: target.hostname, port: Number(target.port) });
      near.pipe(far).pipe(near);
      return far;
    });
    const subscriber = await subscribe(() => ({
      transport,
      url,
      random: () => 0.01,
    }));
    await expectSoon(() => subscriber.connection.state, "live");
    strange = true;
    await proxy.set("reset");
    const wrong = () => subscriber.statuses.filter(({ reason }) => reason?.code === "wrong-url");
    await expect.poll(() => wrong().length).toBeGreaterThan(3);
    await proxy.set("pass");
    strange = false;
    await expectDelivery(subscriber);
    await subscriber.connection.close();
  });

  test("a silently dropped connection is replaced by a live one", async () => {
    const proxy = await startProxy(distributor.url.slice("http://".length));
    const subscriber = await subscribe(() => ({
      transport,
      url: `http://${proxy.address}`,
      timers: faster({ 10_000: 4_000, 35_000: 3_000 }),
    }));
    onTestFinished(() => proxy.close());
    await expectSoon(() => subscriber.connection.state, "live");
    await proxy.set("hang");
    const waiting = () => subscriber.statuses.find(({ state }) => state === "waiting")?.reason?.code;
    // A WebSocket: 1.5 s without a heartbeat, then 10 s (here 4 s) for a pong. A stream: 2.5 s. A poll: 35 s (here 3
    // s).
    await expectSoon(waiting, transport === "poll" ? "unreachable" : "silent");
    await proxy.set("pass");
    await expectDelivery(subscriber);
    await expectSoon(() => subscriber.connection.state, "live");
  });
});

test("a WebSocket that a proxy ends before `connected` is blocked: server-sent events replace it", async () => {
  const { hostname, port } = new URL(distributor.url);
  let upgrades = 0;
  const { url } = await between((socket) => {
    const far = connectTo({ host: hostname, port: Number(port) });
    let upgrade = false;
    socket.on("data", (bytes) => {
      if (/^upgrade: *websocket/im.test(bytes.toString("latin1"))) {
        upgrade = true;
        upgrades += 1;
      }
      far.write(bytes);
    });
    // The 101 answer and nothing else.
    far.on("data", (bytes) => {
      if (!upgrade) socket.write(bytes);
      else socket.end(bytes.subarray(0, bytes.indexOf("\r\n\r\n") + 4));
    });
    return far;
  });
  const subscriber = await subscribe(() => ({ url }));
  await expectDelivery(subscriber);
  expect([upgrades, subscriber.connection.transport]).toEqual([1, "sse"]);
  expect(subscriber.statuses.find(({ state }) => state === "waiting")!.reason!.code).toBe("blocked");
  await subscriber.connection.close();
});

test("the URL of a receiver is refused as a distributor's", async () => {
  const subscriber = await subscribe(() => ({ url: stack.services[0]!.url }));
  expect(await subscriber.connection.closed).toMatchObject({
    code: "wrong-url",
    text: expect.stringContaining(stack.services[0]!.url),
  });
});

test.for(["http:", "ws:"])("%s//, with a path and a query, reaches the same server", async (scheme) => {
  const { pathname } = new URL(distributor.url);
  const subscriber = await subscribe(() => ({
    url: `${distributor.url.replace("http:", scheme)}${pathname}?via=test#x`,
  }));
  await expectSoon(() => subscriber.connection.state, "live");
});

test("React Native's URLSearchParams, which has no set, is sufficient", async () => {
  const set = vi.spyOn(URLSearchParams.prototype, "set").mockImplementation(() => {
    throw new Error("URLSearchParams.set is not implemented");
  });
  onTestFinished(() => set.mockRestore());
  for (const transport of TRANSPORTS) await expectDelivery(await subscribe(() => ({ transport })));
});

test("auto: a WebSocket if it gets through", async () => {
  const { connection, statuses } = await subscribe();
  await expectSoon(() => connection.state, "live");
  expect(connection.transport).toBe("websocket");
  expect(statuses.map(({ state }) => state)).toEqual(["connecting", "replaying", "live"]);
});

test("auto: server-sent events if upgrades are refused", async () => {
  const { url } = await relay(distributor.url, { refuseUpgrades: true });
  const subscriber = await subscribe(() => ({ url }));
  await expectDelivery(subscriber);
  expect(subscriber.connection.transport).toBe("sse");
});

test("auto: long poll if streams are dropped, too", async () => {
  const { url } = await relay(distributor.url, { refuseUpgrades: true, swallowStreams: true });
  const subscriber = await subscribe(() => ({ url, timers: faster({ 10_000: 3_000 }) }));
  await expectDelivery(subscriber);
  expect(subscriber.connection.transport).toBe("poll");
});

test("auto: an unavailable server is retried with the same transport", async () => {
  const way = await relay("http://127.0.0.1:1");
  const subscriber = await subscribe(() => ({ url: way.url }));
  await expectSoon(() => subscriber.statuses.filter(({ state }) => state === "waiting").length >= 3, true);
  way.target = distributor.url;
  await expectDelivery(subscriber);
  expect(subscriber.connection.transport).toBe("websocket");
});
