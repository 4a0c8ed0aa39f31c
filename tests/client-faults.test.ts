import { connect, type Connection, type Failure, type Options, type Status, type Timers } from "@saasaparilla/client";
import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer, connect as connectTo, type AddressInfo } from "node:net";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { Publisher } from "./publisher.ts";
import { startProxy } from "./proxy.ts";
import { startStack, type Service, type Stack } from "./stack.ts";

/** What an application or the network does to the client library: it goes on, and says what happened. */
const TRANSPORTS = ["websocket", "sse", "poll"] as const;

let stack: Stack;
let receiver: Service;
let distributor: Service;
let publisher: Publisher;

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "director", "distributor"],
    env: { HEARTBEAT_MS: "1000", DRAIN_MS: "0" },
  });
  [receiver, , distributor] = stack.services as [Service, Service, Service];
  publisher = await Publisher.of(stack);
});

afterAll(() => stack.close());

let clients = 0;

interface Subscriber {
  client: string;
  token: string;
  connection: Connection;
  received: unknown[];
  statuses: Status[];
  failures: [unknown, Failure][];
}

type Make = (subscriber: Omit<Subscriber, "connection">) => Partial<Options>;

/** `make` has the last word on every option, callbacks too. */
async function subscribe(make: Make = () => ({})): Promise<Subscriber> {
  const client = `faulty-${(clients += 1)}`;
  const token = await stack.token({ client });
  const parts: Omit<Subscriber, "connection"> = { client, token, received: [], statuses: [], failures: [] };
  const connection = connect({
    url: distributor.url,
    token: () => token,
    random: () => 0.1,
    onNotification: ({ data }) => void parts.received.push(data),
    onState: (status) => parts.statuses.push(status),
    onError: (error, failure) => parts.failures.push([error, failure]),
    ...make(parts),
  });
  onTestFinished(() => connection.close());
  return { ...parts, connection };
}

const expectSoon = async (what: () => unknown, is: unknown): Promise<void> =>
  expect.poll(what, { interval: 10 }).toEqual(is);

async function expectDelivery({ client, received }: Pick<Subscriber, "client" | "received">): Promise<void> {
  await publisher.publish([{ client, json: '"hello"' }]);
  await expectSoon(() => received, ["hello"]);
}

/** Reads without acknowledging: a poll without a cursor starts at the oldest unsettled notification. */
async function waitingFor(token: string): Promise<unknown[]> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${distributor.url}/v1/poll?wait=0`, { headers });
  return ((await response.json()) as { notifications: unknown[] }).notifications;
}

/** Everything that was printed. */
function printed(): unknown[][] {
  const lines: unknown[][] = [];
  for (const name of ["log", "warn", "error"] as const) {
    const spy = vi.spyOn(console, name).mockImplementation((...line: unknown[]) => void lines.push(line));
    onTestFinished(() => spy.mockRestore());
  }
  return lines;
}

/** Some of the library's waits are shorter. */
const faster = (waits: Record<number, number>): Timers => ({
  setTimeout: (callback, ms) => setTimeout(callback, waits[ms] ?? ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
});

async function serve(answer: RequestListener): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = [];
  const server = createHttpServer((request, response) => {
    requests.push(`${request.method} ${request.url!.replace(/\?.*/, "")}`);
    answer(request, response);
  }).listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

describe.for(TRANSPORTS)("%s", (transport) => {
  test.for<[string, (token: string) => unknown]>([
    ["ends with a line break", (token) => `${token}\n`],
    ["has a Bearer before it", (token) => `Bearer ${token}`],
    ["is JSON", (token) => JSON.stringify({ token })],
    ["is an error page", (token) => `<html>502 ${token}</html>`],
    ["is not ASCII", (token) => `${token}é`],
    ["is empty", () => ""],
    ["is no text", () => undefined],
    ["is an object", (token) => ({ token })],
    ["is longer than a server reads", (token) => token + "x".repeat(9_000)],
  ])("a token that %s is never printed, and asked for again", async ([, first]) => {
    const lines = printed();
    let asked = 0;
    const subscriber = await subscribe(({ token }) => ({
      transport,
      onError: undefined as never,
      token: () => ((asked += 1) <= 2 ? first(token) : token) as string,
    }));
    await expectSoon(() => subscriber.connection.state, "live");
    await expectDelivery(subscriber);
    expect(asked).toBe(3);
    const waits = subscriber.statuses.filter(({ state }) => state === "waiting");
    expect(waits.map(({ reason }) => reason!.code)).toEqual(["token-invalid", "token-invalid"]);
    expect(lines).toHaveLength(2);
    const said = inspect([lines, subscriber.statuses], { depth: 10 });
    for (const part of subscriber.token.split(".")) expect(said).not.toContain(part.slice(0, 12));
  });

  test.for<[string, () => unknown]>([
    [
      "throws",
      () => {
        throw new Error("no session");
      },
    ],
    [
      "throws no error",
      () => {
        // oxlint-disable-next-line typescript/only-throw-error
        throw "no session";
      },
    ],
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors
    ["rejects with nothing", () => Promise.reject(undefined)],
  ])("a token function that %s is called again", async ([, fails]) => {
    let asked = 0;
    const subscriber = await subscribe(({ token }) => ({
      transport,
      token: () => ((asked += 1) === 1 ? fails() : token) as string,
    }));
    await expectDelivery(subscriber);
    expect(subscriber.failures.map(([, { code }]) => code)).toEqual(["token-failed"]);
    expect(subscriber.statuses.find(({ state }) => state === "waiting")!.reason!.code).toBe("token-failed");
  });

  test("a token function that never settles is called again", async () => {
    let asked = 0;
    const subscriber = await subscribe(({ token }) => ({
      transport,
      timers: faster({ 30_000: 100 }),
      token: () => ((asked += 1) === 1 ? new Promise<string>(() => {}) : token),
    }));
    await expectDelivery(subscriber);
    expect(subscriber.statuses.find(({ state }) => state === "waiting")!.reason!.code).toBe("token-timeout");
  });

  test("tokens that are refused again and again are asked for with back-off, and never sent twice", async () => {
    let asked = 0;
    let good = false;
    const subscriber = await subscribe(({ token }) => ({
      transport,
      token: () => (good ? token : `x.y.z${Math.floor((asked += 1) / 2)}`),
    }));
    const waits = () => subscriber.statuses.filter(({ state }) => state === "waiting");
    await expect.poll(() => waits().length).toBeGreaterThanOrEqual(4);
    expect(new Set(waits().map(({ reason }) => reason!.code))).toEqual(new Set(["forbidden"]));
    expect(
      waits()
        .slice(1)
        .every(({ delay }) => delay! > 0),
    ).toBe(true);
    expect(waits().some(({ reason }) => reason!.text.includes("again"))).toBe(true);
    good = true;
    await expectDelivery(subscriber);
  });

  test.for<[string, () => unknown]>([
    [
      "throws",
      () => {
        throw new Error("a defect of the page");
      },
    ],
    ["rejects", () => Promise.reject(new Error("a defect of the page"))],
    [
      "throws no error",
      () => {
        // oxlint-disable-next-line typescript/only-throw-error
        throw null;
      },
    ],
    [
      "returns a thenable that throws",
      () => ({
        // oxlint-disable-next-line unicorn/no-thenable
        get then() {
          throw new Error("a defect of the page");
        },
      }),
    ],
  ])("onState that %s at every state changes nothing", async ([, fails]) => {
    let connecting = 0;
    const subscriber = await subscribe(() => ({
      transport,
      onState({ state }) {
        if (state === "connecting") connecting += 1;
        return fails();
      },
    }));
    await expectDelivery(subscriber);
    await expectSoon(() => subscriber.connection.state, "live");
    expect(connecting).toBe(1);
    expect(new Set(subscriber.failures.map(([, { code }]) => code))).toEqual(new Set(["state-failed"]));
    await subscriber.connection.close();
    expect((await subscriber.connection.closed).code).toBe("closed");
  });

  test("onNotification that throws is told of with its notification, and onError may throw itself", async () => {
    const lines = printed();
    let calls = 0;
    const seen: Failure[] = [];
    const subscriber = await subscribe(({ received }) => ({
      transport,
      onNotification({ data }) {
        if ((calls += 1) <= 2) throw new Error("not yet");
        received.push(data);
      },
      onError(_, failure) {
        seen.push(failure);
        throw new Error("onError is broken, too");
      },
    }));
    await expectDelivery(subscriber);
    expect(seen).toMatchObject([
      { code: "handler-failed", attempts: 1, notification: { data: "hello" } },
      { code: "handler-failed", attempts: 2 },
    ]);
    expect(lines.map(([text]) => text)).toEqual(Array(2).fill("@saasaparilla/client: onError failed."));
  });

  test("without onError a failing onNotification is printed", async () => {
    const lines = printed();
    let calls = 0;
    const failed = new Error("not yet");
    const subscriber = await subscribe(({ received }) => ({
      transport,
      onError: undefined as never,
      onNotification: ({ data }) => ((calls += 1) === 1 ? Promise.reject(failed) : received.push(data)),
    }));
    await expectDelivery(subscriber);
    expect(lines).toEqual([[expect.stringContaining("onNotification failed (attempt 1)"), failed]]);
  });

  test("close() within onNotification and within onState ends it, and acknowledges", async () => {
    let closed: Promise<void> | undefined;
    const subscriber: Subscriber = await subscribe(({ received }) => ({
      transport,
      async onNotification({ data }) {
        closed = subscriber.connection.close();
        await closed;
        received.push(data);
      },
    }));
    await expectDelivery(subscriber);
    expect((await subscriber.connection.closed).code).toBe("closed");
    // An acknowledgement takes effect a moment after it is sent. Nothing else settles this client's notification.
    await expect.poll(() => waitingFor(subscriber.token), { interval: 100, timeout: 15_000 }).toEqual([]);
    const again = connect<unknown>({
      url: distributor.url,
      token: subscriber.token,
      transport,
      onNotification: ({ data }) => void subscriber.received.push(data),
      onState: ({ state }) => {
        if (state === "live") void again.close();
      },
    });
    expect((await again.closed).code).toBe("closed");
    expect(subscriber.received).toEqual(["hello"]);
  });

  test("reconnect() within every onState connects once a second at most, and notifications still come", async () => {
    let calls = 0;
    const subscriber: Subscriber = await subscribe(() => ({
      transport,
      onState({ state }) {
        if (state !== "closed" && (calls += 1) < 6) subscriber.connection.reconnect();
      },
    }));
    const began = performance.now();
    await expectDelivery(subscriber);
    expect(performance.now() - began).toBeGreaterThan(2_000);
  });

  test("reconnect() opens another connection at the cursor, and what was handled does not come again", async () => {
    const subscriber = await subscribe(() => ({ transport }));
    await expectDelivery(subscriber);
    await expectSoon(() => subscriber.connection.state, "live");
    subscriber.connection.reconnect();
    await expectSoon(
      () => subscriber.statuses.map(({ state }) => state).join(" "),
      "connecting replaying live waiting connecting replaying live",
    );
    expect(subscriber.statuses[3]!.reason!.code).toBe("reconnect");
    await publisher.publish([{ client: subscriber.client, json: '"again"' }]);
    await expectSoon(() => subscriber.received, ["hello", "again"]);
    await subscriber.connection.close();
    subscriber.connection.reconnect();
    expect(subscriber.connection.state).toBe("closed");
  });

  test.for<[string, RequestListener]>([
    ["404", (_, response) => response.writeHead(404).end()],
    ["a page", (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>")],
    ["another API", (_, response) => response.writeHead(200, { "content-type": "application/json" }).end("{}")],
  ])("a URL that answers %s is stopped at, by its name", async ([, answer]) => {
    const { url, requests } = await serve(answer);
    const subscriber = await subscribe(() => ({ transport, url: `${url}/base/` }));
    const reason = await subscriber.connection.closed;
    expect(reason.code).toBe("wrong-url");
    expect(reason.text).toContain(`${url}/base/v1/`);
    expect(subscriber.statuses.at(-1)).toMatchObject({ state: "closed", reason, error: { message: reason.text } });
    expect(subscriber.failures).toMatchObject([[{ message: reason.text }, { code: "stopped" }]]);
    expect(requests.length).toBe(transport === "websocket" ? 6 : 3);
  });

  test("a URL that answered well before is right, whatever answers later", async () => {
    let strange = true;
    const proxy = await startProxy(distributor.url.slice("http://".length));
    onTestFinished(() => proxy.close());
    // A connection that stays open would carry the next request to this server, too.
    const server = await serve((_, response) => response.writeHead(404, { connection: "close" }).end());
    const near = createServer((socket) => {
      const target = new URL(strange ? server.url : `http://${proxy.address}`);
      const far = connectTo({ host: target.hostname, port: Number(target.port) });
      socket.pipe(far).pipe(socket);
      for (const [one, peer] of [
        [socket, far],
        [far, socket],
      ] as const)
        one.on("error", () => peer.destroy()).on("close", () => peer.destroy());
    }).listen(0, "127.0.0.1");
    onTestFinished(async () => void (await new Promise((done) => near.close(done))));
    strange = false;
    const subscriber = await subscribe(() => ({
      transport,
      url: `http://127.0.0.1:${(near.address() as AddressInfo).port}`,
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

  test("a connection that is silently swallowed is given up, and another one is live", async () => {
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
    // A WebSocket: 1.5 s without a heartbeat, then 10 s (here 4 s) for a pong. A stream: 2.5 s. A poll: 35 s (here 3 s).
    await expectSoon(waiting, transport === "poll" ? "unreachable" : "silent");
    await proxy.set("pass");
    await expectDelivery(subscriber);
    await expectSoon(() => subscriber.connection.state, "live");
  });
});

test("a WebSocket that a proxy ends before `connected` is blocked: server-sent events take its place", async () => {
  const { hostname, port } = new URL(distributor.url);
  let upgrades = 0;
  const near = createServer((socket) => {
    const far = connectTo({ host: hostname, port: Number(port) });
    let upgrade = false;
    socket.on("data", (bytes) => {
      if (/^upgrade: *websocket/im.test(bytes.toString("latin1"))) {
        upgrade = true;
        upgrades += 1;
      }
      far.write(bytes);
    });
    // Its 101, and nothing else.
    far.on("data", (bytes) => {
      if (!upgrade) socket.write(bytes);
      else socket.end(bytes.subarray(0, bytes.indexOf("\r\n\r\n") + 4));
    });
    for (const [one, peer] of [
      [socket, far],
      [far, socket],
    ] as const)
      one.on("error", () => peer.destroy()).on("close", () => peer.destroy());
  }).listen(0, "127.0.0.1");
  onTestFinished(async () => void (await new Promise((done) => near.close(done))));
  const subscriber = await subscribe(() => ({ url: `http://127.0.0.1:${(near.address() as AddressInfo).port}` }));
  await expectDelivery(subscriber);
  expect([upgrades, subscriber.connection.transport]).toEqual([1, "sse"]);
  expect(subscriber.statuses.find(({ state }) => state === "waiting")!.reason!.code).toBe("blocked");
  await subscriber.connection.close();
});

test("a receiver's URL is no distributor's", async () => {
  const subscriber = await subscribe(() => ({ url: receiver.url }));
  expect(await subscriber.connection.closed).toMatchObject({
    code: "wrong-url",
    text: expect.stringContaining(receiver.url),
  });
});

test.for(["", "nonsense", "/path", "ftp://host", "https://", "//host", undefined, null, 7])(
  "the URL %j is refused at once",
  (url) => {
    const options = { url: url as string, token: "t", onNotification: () => {} };
    expect(() => connect(options)).toThrow(new RegExp(`url is "${String(url)}"`));
  },
);

test("a URL with credentials is refused, and they are not repeated", () => {
  const options = { url: "https://user:secret@host/?key=secret", token: "t", onNotification: () => {} };
  expect(() => connect(options)).toThrow(expect.not.stringContaining("secret"));
  expect(() => connect(options)).toThrow("without credentials");
});

test.for(["http:", "ws:"])("%s//, with a path and a query, reaches the same server", async (scheme) => {
  const { pathname } = new URL(distributor.url);
  const subscriber = await subscribe(() => ({
    url: `${distributor.url.replace("http:", scheme)}${pathname}?via=test#x`,
  }));
  await expectSoon(() => subscriber.connection.state, "live");
});

test("React Native's URLSearchParams, which has no set, is enough", async () => {
  const set = vi.spyOn(URLSearchParams.prototype, "set").mockImplementation(() => {
    throw new Error("URLSearchParams.set is not implemented");
  });
  onTestFinished(() => set.mockRestore());
  for (const transport of TRANSPORTS) await expectDelivery(await subscribe(() => ({ transport })));
});

test("a failure to connect keeps its cause, and names the server", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  for (const transport of TRANSPORTS) {
    const subscriber = await subscribe(() => ({ transport, url: `ws://127.0.0.1:${port}/base` }));
    const waiting = () => subscriber.statuses.find(({ state }) => state === "waiting");
    await expect.poll(waiting).toBeDefined();
    const { reason, error } = waiting()!;
    expect(reason).toEqual({
      code: "unreachable",
      text: `http://127.0.0.1:${port}/base: fetch failed: connect ECONNREFUSED 127.0.0.1:${port}`,
    });
    expect((error as Error).cause).toMatchObject({ code: "ECONNREFUSED" });
  }
});

test("a constant token that is none stops it, and is not printed", async () => {
  const lines = printed();
  const subscriber = await subscribe(({ token }) => ({ token: `${token}\n`, onError: undefined as never }));
  expect((await subscriber.connection.closed).code).toBe("token-invalid");
  expect(inspect([lines, subscriber.statuses])).not.toContain(subscriber.token.slice(0, 12));
  expect(lines).toHaveLength(1);
});

test("a store that fails, and one that never settles, is asked again", async () => {
  let [loads, saves] = [0, 0];
  let kept: string | undefined;
  const subscriber = await subscribe(() => ({
    timers: faster({ 30_000: 100 }),
    store: {
      load: () =>
        (loads += 1) === 1 ? Promise.reject(new Error("locked")) : loads === 2 ? new Promise<never>(() => {}) : null,
      save(cursor) {
        if ((saves += 1) === 1) throw new Error("full");
        if (saves === 2) return new Promise(() => {});
        kept = cursor;
        return undefined;
      },
    },
  }));
  await expectDelivery(subscriber);
  await expectSoon(() => kept, subscriber.connection.cursor);
  expect(subscriber.failures.map(([, { code }]) => code)).toEqual(Array(4).fill("store-failed"));
});

test("frames that are no frames end the connection, and not the process", async () => {
  for (const data of ["nonsense", "null", "[]", '{"type":"notification"}', '{"type":"notifications"}']) {
    const { url } = await serve((request, response) => {
      if (request.method === "POST") response.writeHead(400, { "content-type": "application/problem+json" }).end("{}");
      else
        response
          .writeHead(200, { "content-type": "text/event-stream" })
          .write(`data: {"type":"connected","cursor":"","heartbeat":"x"}\n\ndata: ${data}\n\n`);
    });
    const subscriber = await subscribe(() => ({ url, transport: "sse" }));
    if (data === "[]") await expectSoon(() => subscriber.connection.state, "replaying");
    else await expectSoon(() => subscriber.statuses.find(({ state }) => state === "waiting")?.reason?.code, "protocol");
    await subscriber.connection.close();
  }
});
