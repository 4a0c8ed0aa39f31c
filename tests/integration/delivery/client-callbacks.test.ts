import { connect, type Failure } from "@saasaparilla/client";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startDelivery } from "#tests/support/delivery.ts";
import {
  delivering,
  expectSoon,
  faster,
  printed,
  subscribing,
  type LibraryClient,
} from "#tests/support/client-library.ts";
import type { Publisher } from "#tests/support/publisher.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import { TRANSPORTS } from "#tests/support/raw-transports.ts";

/** Faults in the application's callbacks: the client library continues and reports each one. */
let stack: Stack;
let distributor: Service;
let publisher: Publisher;

beforeAll(async () => {
  ({ stack, distributor, publisher } = await startDelivery());
});

afterAll(() => stack.close());

const subscribe = subscribing(() => ({ url: distributor.url, token: (client) => stack.token({ client }) }));
const expectDelivery = delivering(() => publisher);

/** Reads without acknowledging: a poll without a cursor starts at the oldest unsettled notification. */
async function waitingFor(token: string): Promise<unknown[]> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${distributor.url}/v1/poll?wait=0`, { headers });
  return ((await response.json()) as { notifications: unknown[] }).notifications;
}

describe.for(TRANSPORTS)("%s", (transport) => {
  test.for<[string, (token: string) => unknown]>([
    ["ends with a line break", (token) => `${token}\n`],
    ["has a Bearer before it", (token) => `Bearer ${token}`],
    ["is JSON", (token) => JSON.stringify({ token })],
    ["is an error page", (token) => `<html>502 ${token}</html>`],
    ["is not ASCII", (token) => `${token}é`],
    ["is empty", () => ""],
    ["is not text", () => undefined],
    ["is an object", (token) => ({ token })],
    ["is longer than a server reads", (token) => token + "x".repeat(9_000)],
  ])("a token that %s is never printed, and requested again", async ([, first]) => {
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

  test("refused tokens are replaced with back-off, and never sent twice", async () => {
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

  test("an error in onNotification is reported with its notification, even if onError throws", async () => {
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

  test("a failing onNotification is printed when there is no onError", async () => {
    const lines = printed();
    let calls = 0;
    const failed = new Error("not yet");
    const subscriber = await subscribe(({ received }) => ({
      transport,
      onError: undefined as never,
      onNotification: ({ data }) => ((calls += 1) === 1 ? Promise.reject(failed) : received.push(data)),
    }));
    await expectDelivery(subscriber);
    expect(lines).toEqual([[expect.stringContaining("Handler failed (1)"), failed]]);
  });

  test("close() within onNotification and onState ends the client, and acknowledges", async () => {
    let closed: Promise<void> | undefined;
    const subscriber: LibraryClient = await subscribe(({ received }) => ({
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

  test("reconnect() within every onState connects at most once a second, and notifications still arrive", async () => {
    let calls = 0;
    const subscriber: LibraryClient = await subscribe(() => ({
      transport,
      onState({ state }) {
        if (state !== "closed" && (calls += 1) < 6) subscriber.connection.reconnect();
      },
    }));
    const began = performance.now();
    await expectDelivery(subscriber);
    expect(performance.now() - began).toBeGreaterThan(2_000);
  });

  test("reconnect() opens a new connection at the cursor, and handled notifications do not come again", async () => {
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
});

test("a store that fails, or never settles, is called again", async () => {
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
