import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { launchChromium } from "#tests/pages/chromium.ts";
import type { Harness } from "#tests/pages/harness.ts";
import { startSite, type Site } from "#tests/pages/site.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Stack } from "#tests/support/stack.ts";

/** The inbox in tabs and profiles of a real Chromium, against the running stack. */
let site: Site;
let stack: Stack;
let publisher: Publisher;
let browser: Browser;
let urls: { distributor: string; courier: string };

beforeAll(async () => {
  site = await startSite();
  stack = await startStack({
    services: ["receiver", "director", "distributor", "courier"],
    env: { ALLOWED_ORIGINS: site.origin, INBOX_EVENTS: "*" },
  });
  site.token = (client) => stack.token({ client });
  const of = (kind: string): string => stack.services.find((service) => service.kind === kind)!.url;
  urls = { distributor: of("distributor"), courier: of("courier") };
  publisher = await Publisher.of(stack);
  browser = await launchChromium();
});

afterAll(async () => {
  await browser.close();
  await site.close();
  await stack.close();
});

let clients = 0;

async function profile(): Promise<BrowserContext> {
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  return context;
}

/** A tab of a profile, with the user's inbox. */
async function tab(
  context: BrowserContext,
  client: string,
  transport: "auto" | "sse" | "poll" = "auto",
): Promise<Page> {
  const page = await context.newPage();
  await page.goto(site.origin);
  await start(page, client, transport);
  return page;
}

async function start(page: Page, client: string, transport: "auto" | "sse" | "poll" = "auto"): Promise<void> {
  const given = { name: "one", client, transport, url: urls.distributor, courier: urls.courier };
  await page.evaluate((one) => (globalThis as unknown as { harness: Harness }).harness.start(one), given);
  await expect.poll(async () => (await listed(page)).loading).toBe(false);
}

async function listed(page: Page) {
  const state = await page.evaluate(() => (globalThis as unknown as { harness: Harness }).harness.listed("one"));
  const items = state.items.map(({ id, data, mark }) => ({ id, data, mark }));
  return { ...state, items, badge: [state.unread, state.unseen] };
}

type Method = Parameters<Harness["inbox"]>[1];

const call = (page: Page, method: Method, ids: string[] = []): Promise<unknown> =>
  page.evaluate(([name, given]) => (globalThis as unknown as { harness: Harness }).harness.inbox("one", name, given), [
    method,
    ids,
  ] as const);

/** Publishes for a new client, and waits until its list has all. */
async function published(count: number): Promise<{ client: string; more: () => Promise<void> }> {
  const client = `inbox-${(clients += 1)}`;
  let n = 0;
  const more = async (): Promise<void> => {
    await publisher.publish([{ client, json: String((n += 1)) }]);
  };
  for (let at = 0; at < count; at += 1) await more();
  const headers = { authorization: `Bearer ${await stack.token({ client })}` };
  await expect
    .poll(async () => {
      const answer = await fetch(`${urls.courier}/v1/inbox`, { headers });
      return ((await answer.json()) as { items?: unknown[] }).items?.length;
    })
    .toBe(count);
  return { client, more };
}

const numbers = async (page: Page): Promise<unknown[]> => (await listed(page)).items.map(({ data }) => data);
const badge = async (page: Page): Promise<number[]> => (await listed(page)).badge;

test("two tabs show one list, and one tab asks for both", async () => {
  const { client, more } = await published(3);
  const context = await profile();
  const asked: string[] = [];
  context.on("request", (request) => {
    if (request.method() === "GET" && request.url().includes("/v1/inbox")) asked.push(request.url());
  });
  const tabs = [await tab(context, client), await tab(context, client), await tab(context, client)];
  for (const page of tabs) expect(await numbers(page)).toEqual([3, 2, 1]);
  await more();
  for (const page of tabs) await expect.poll(() => numbers(page)).toEqual([4, 3, 2, 1]);
  const [one, other, third] = tabs as [Page, Page, Page];

  const ids = (await listed(one)).items.map(({ id }) => id);
  expect(await call(one, "archive", [ids[1]!])).toBe(true);
  expect(await call(one, "read", [ids[0]!])).toBe(true);
  for (const page of tabs) {
    await expect.poll(() => numbers(page)).toEqual([4, 2, 1]);
    await expect.poll(() => badge(page)).toEqual([2, 2]);
  }

  // While the first tab asks, both others begin to wait: one of them asks for both.
  asked.length = 0;
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await one.route("**/v1/inbox?*", async (route) => {
    await held;
    await route.continue();
  });
  const reloads = [call(one, "reload")];
  await expect.poll(() => asked.length).toBe(1);
  reloads.push(call(other, "reload"), call(third, "reload"));
  for (const page of [other, third]) await expect.poll(async () => (await listed(page)).loading).toBe(true);
  release();
  await Promise.all(reloads);
  expect(asked.length).toBe(2);
});

test("another profile and a reload show the same list and badge", async () => {
  const { client } = await published(3);
  const laptop = await tab(await profile(), client);
  const phone = await tab(await profile(), client);
  const ids = (await listed(laptop)).items.map(({ id }) => id);
  await call(laptop, "seenAll");
  await call(phone, "read", [ids[2]!]);
  await call(laptop, "archive", [ids[1]!]);
  const expected = [
    { id: ids[0], data: 3, mark: "seen" },
    { id: ids[2], data: 1, mark: "read" },
  ];
  for (const page of [laptop, phone]) {
    await expect.poll(async () => (await listed(page)).items).toEqual(expected);
    expect(await badge(page)).toEqual([1, 0]);
  }
  await laptop.reload();
  await start(laptop, client);
  const third = await tab(await profile(), client);
  for (const page of [laptop, third]) {
    expect((await listed(page)).items).toEqual(expected);
    expect(await badge(page)).toEqual([1, 0]);
  }
});

test("two devices that were offline, and marked, end the same", async () => {
  const { client } = await published(4);
  const contexts = [await profile(), await profile()] as const;
  const [laptop, phone] = [await tab(contexts[0], client), await tab(contexts[1], client)];
  const ids = (await listed(laptop)).items.map(({ id }) => id);
  for (const context of contexts) await context.setOffline(true);
  const taken = [call(laptop, "read", [ids[0]!, ids[3]!]), call(phone, "archive", [ids[3]!]), call(phone, "seenAll")];
  // Shown at once, each on its device.
  await expect.poll(() => badge(laptop)).toEqual([2, 2]);
  await expect.poll(() => numbers(phone)).toEqual([4, 3, 2]);
  for (const context of contexts) await context.setOffline(false);
  expect(await Promise.all(taken)).toEqual([true, true, true]);
  const expected = [
    { id: ids[0], data: 4, mark: "read" },
    { id: ids[1], data: 3, mark: "seen" },
    { id: ids[2], data: 2, mark: "seen" },
  ];
  for (const page of [laptop, phone]) {
    await expect.poll(async () => (await listed(page)).items).toEqual(expected);
    await expect.poll(() => badge(page)).toEqual([2, 0]);
  }
});

test.for(["auto", "sse", "poll"] as const)("%s: a mark of another device arrives", async (transport) => {
  const { client, more } = await published(2);
  const page = await tab(await profile(), client, transport);
  await more();
  await expect.poll(() => numbers(page)).toEqual([3, 2, 1]);
  const { items } = await listed(page);
  const answer = await fetch(`${urls.courier}/v1/inbox/marks`, {
    method: "POST",
    headers: { authorization: `Bearer ${await stack.token({ client })}`, "content-type": "application/json" },
    body: JSON.stringify({ ids: [items[1]!.id], mark: "read" }),
  });
  expect(answer.status).toBe(200);
  await expect.poll(async () => (await listed(page)).items.map(({ mark }) => mark)).toEqual([null, "read", null]);
});
