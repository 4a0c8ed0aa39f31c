import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { LONG } from "#tests/support/long-form.ts";
import { endure, TestBed } from "#tests/pages/endurance.ts";
import type { Harness, Seen, Start } from "#tests/pages/harness.ts";
import { Publisher } from "#tests/support/publisher.ts";

/** The client library in a page and in workers of a real Chromium, against the running stack. */
const TRANSPORTS = ["websocket", "sse", "poll"] as const;

let bed: TestBed;
let publisher: Publisher;

beforeAll(async () => {
  bed = await TestBed.start({ HEARTBEAT_MS: "2000" });
  publisher = await Publisher.of(bed.stack);
});

afterAll(() => bed.close());

let names = 0;

/** A separate page, with its console output. */
async function open(transport: Start["transport"], more: Partial<Start> = {}) {
  const page = await bed.page.context().newPage();
  onTestFinished(() => page.close());
  const printed: string[] = [];
  page.on("console", (message) => printed.push(message.text()));
  page.on("pageerror", (error) => printed.push(String(error)));
  await page.goto(bed.site.origin);
  const client = `page-${(names += 1)}`;
  const start: Start = { name: "one", client, transport, url: bed.gateway.url, ...more };
  await page.evaluate((given) => (globalThis as unknown as { harness: Harness }).harness.start(given), start);
  return { page, client, printed };
}

const seen = (page: Page): Promise<Seen> =>
  page.evaluate(() => (globalThis as unknown as { harness: Harness }).harness.seen("one"));

const expectLive = async (page: Page): Promise<void> =>
  expect.poll(async () => (await seen(page)).state, { timeout: 50_000 }).toBe("live");

async function expectDelivery(page: Page, client: string): Promise<void> {
  const before = (await seen(page)).received.length;
  await publisher.publish([{ client, json: '"hello"' }]);
  await expect.poll(async () => (await seen(page)).received.length, { timeout: 50_000 }).toBe(before + 1);
}

test.for(TRANSPORTS)("%s: a page gets published notifications, and prints nothing", async (transport) => {
  const { page, client, printed } = await open(transport);
  await expectLive(page);
  await expectDelivery(page, client);
  expect((await seen(page)).transport).toBe(transport);
  expect(printed).toEqual([]);
});

test.for(TRANSPORTS)("%s: an error page as a token is requested again, unprinted", async (transport) => {
  const { token } = bed.site;
  onTestFinished(() => void (bed.site.token = token));
  let asked = 0;
  let good = "";
  bed.site.token = async (client) => {
    good = await token(client);
    return (asked += 1) === 1 ? `<html>${good}</html>` : asked === 2 ? `${good}\n` : good;
  };
  const { page, printed } = await open(transport);
  await expectLive(page);
  const { statuses } = await seen(page);
  expect(statuses.filter(({ state }) => state === "waiting").map(({ reason }) => reason!.code)).toEqual([
    "token-invalid",
    "token-invalid",
  ]);
  const said = JSON.stringify([printed, statuses]);
  for (const part of good.split(".")) expect(said).not.toContain(part.slice(0, 12));
});

test("a dropped WebSocket is live again within 50 s", async () => {
  const { page, client } = await open("websocket");
  await expectLive(page);
  const began = performance.now();
  bed.gateway.swallow();
  await expect
    .poll(async () => (await seen(page)).statuses.find(({ state }) => state === "waiting")?.reason?.code, {
      timeout: 50_000,
    })
    .toBe("silent");
  await expectLive(page);
  expect(performance.now() - began).toBeLessThan(50_000);
  await expectDelivery(page, client);
});

test("a page that is shown again notices its lost WebSocket at once", async () => {
  const { page, client } = await open("websocket", { waits: { 10_000: 4_000 } });
  await expectLive(page);
  bed.gateway.swallow();
  // As from the back-forward cache, or on another network.
  await page.evaluate(() => globalThis.dispatchEvent(new Event("pageshow")));
  const began = performance.now();
  await expect.poll(async () => (await seen(page)).statuses.at(3)?.state, { timeout: 50_000 }).toBe("waiting");
  expect(performance.now() - began).toBeLessThan(7_000);
  await expectDelivery(page, client);
});

test.for(["online", "pageshow", "resume"])("%s ends the wait for the next attempt", async (event) => {
  const { token } = bed.site;
  onTestFinished(() => void (bed.site.token = token));
  // The waits become longer each time.
  bed.site.token = () => "";
  const { page } = await open("sse", { random: 1 });
  await expect
    .poll(async () => (await seen(page)).statuses.some(({ state, delay }) => state === "waiting" && delay! > 3_000), {
      timeout: 60_000,
    })
    .toBe(true);
  const { statuses } = await seen(page);
  bed.site.token = token;
  await page.evaluate((name) => {
    const target = name === "resume" ? document : globalThis;
    target.dispatchEvent(new Event(name));
  }, event);
  await expect.poll(async () => (await seen(page)).state, { timeout: 2_500 }).toBe("live");
  expect((await seen(page)).statuses.length).toBe(statuses.length + 3);
});

test.for(["dedicated", "shared", "service"])("a %s worker gets published notifications", async (kind) => {
  const page = await bed.page.context().newPage();
  onTestFinished(() => page.close());
  await page.goto(bed.site.origin);
  const client = `worker-${(names += 1)}`;
  const start: Start = {
    name: "worker",
    client,
    transport: "auto",
    url: bed.gateway.url,
    tokens: `${bed.site.origin}/token`,
  };
  await page.evaluate(
    async ([which, given]) => {
      const type = "module" as const;
      interface Port {
        postMessage(message: unknown): void;
      }
      let port: Port;
      let target: EventTarget;
      if (which === "dedicated") port = target = new Worker("/worker.js", { type });
      else if (which === "shared") {
        const shared = new SharedWorker("/worker.js", { type });
        shared.port.start();
        port = target = shared.port;
      } else {
        await navigator.serviceWorker.register("/worker.js", { type });
        port = (await navigator.serviceWorker.ready).active!;
        target = navigator.serviceWorker;
        navigator.serviceWorker.startMessages();
      }
      port.postMessage(given);
      Object.assign(globalThis, {
        workerSeen: () =>
          new Promise((resolve) => {
            target.addEventListener("message", (event) => resolve((event as MessageEvent).data), { once: true });
            port.postMessage("seen");
          }),
      });
    },
    [kind, start] as const,
  );
  const workerSeen = (): Promise<Seen> =>
    page.evaluate(() => (globalThis as unknown as { workerSeen(): Promise<Seen> }).workerSeen());
  await expect.poll(async () => (await workerSeen()).state).toBe("live");
  await publisher.publish([{ client, json: '"hello"' }]);
  await expect.poll(async () => (await workerSeen()).received).toEqual(["hello"]);
  expect((await workerSeen()).transport).toBe("websocket");
});

test("a page is live after all faults, with every notification once", async () => {
  // The short form's order has "rotate" before "kill": a new distributor reads the new key at once.
  // tests/integration/security/key-rotation.test.ts waits for a key.
  const report = await endure(bed, { minutes: 0.1, seed: LONG ? 16 : 1, everyMs: 100 });
  expect(Object.values(report.faults)).toEqual(Array(8).fill(1));
  expect(report.published).toBeGreaterThan(400);
});
