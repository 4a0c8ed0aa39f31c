import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { launchChromium } from "#tests/pages/chromium.ts";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { SEALED } from "#tests/support/browser-session.ts";
import { buildPages, startConsole, visit } from "#tests/support/console-pages.ts";
import { startIdentityProvider } from "#tests/support/identity-provider.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

/** Keys, roles, and texts of strangers, in the console's pages. */
let stack: Stack;
let console: Service;
let receiver: Service;
let browser: Browser;

beforeAll(async () => {
  await buildPages();
  stack = await startStack({
    services: ["receiver", "director", "distributor", "dispatcher", "recorder"],
    env: { ...SEALED, TIMELINE_FOLLOW: "all" },
  });
  [receiver] = stack.services as [Service];
  console = await startConsole(stack);
  browser = await launchChromium();
});

afterAll(async () => {
  await browser.close();
  await stack.close();
});

async function publishes(key: string): Promise<number> {
  const response = await fetch(`${receiver.url}/v1/notifications`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ to: { client: "u1" }, data: 1 }),
  });
  await response.text();
  return response.status;
}

test("make, use, rotate and delete a key", async () => {
  const { page, open, faults } = await visit({ browser, stack, console });
  await open("/t/acme/settings");
  await page.getByRole("button", { name: "Make a key" }).click();
  await page.getByLabel("Name").fill("checkout");
  await page.getByRole("button", { name: "Make the key" }).click();
  const made = await page.getByTestId("key").innerText();
  await expect.poll(() => publishes(made)).toBe(202);

  await page.getByRole("button", { name: "I have stored it" }).click();
  expect(await page.content()).not.toContain(made);
  await page.getByRole("button", { name: "Rotate" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  const rotated = await page.getByTestId("key").innerText();
  expect(rotated).not.toBe(made);
  await expect.poll(() => publishes(rotated)).toBe(202);
  // For the overlap.
  expect(await publishes(made)).toBe(202);
  await page.getByRole("button", { name: "I have stored it" }).click();

  await expect.poll(() => page.getByRole("button", { name: "Delete" }).count()).toBe(2);
  for (let left = 2; left > 0; left -= 1) {
    await page.getByRole("button", { name: "Delete" }).first().click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await expect.poll(() => page.getByRole("button", { name: "Delete" }).count()).toBe(left - 1);
  }
  await expect.poll(() => publishes(rotated)).toBe(403);
  expect(faults).toEqual([]);
});

test("a role that may not see a page gets an explanation, and no button that would be refused", async () => {
  const provider = await startIdentityProvider();
  onTestFinished(() => provider.close());
  const api = await ConsoleApi.of(stack, console);
  await api.does("PUT", "/acme/issuers/staff", provider.row);
  const token = await provider.token({ sub: "eve", scope: "read", jti: "once" });
  const { page, open } = await visit({ browser, stack, console }, { token });
  await open("/tenants");
  const problem = page.locator(".problem").first();
  await problem.waitFor();
  expect(await problem.innerText()).toMatch(/signed in as eve.*only read.*acme/s);
  await open("/t/other/settings");
  await page.locator(".problem").first().waitFor();
  await open("/t/acme/settings");
  expect(await page.getByRole("button", { name: "Make a key" }).first().isDisabled()).toBe(true);
});

const SCRIPT = '<img src=x onerror="globalThis.hacked=1">';
const CLIENT = "<img/src=x/onerror=globalThis.hacked=1>";

test("texts of strangers stay texts: names, payloads, headers, clients and audit entries", async () => {
  const api = await ConsoleApi.of(stack, console);
  await api.does("POST", "/acme/keys", { name: SCRIPT, scopes: ["publish"], clients: [CLIENT] });
  await api.does("PUT", "/acme/exchanges/x", { type: "direct", bindings: [{ key: CLIENT, to: { client: CLIENT } }] });
  await api.does("PUT", "/acme/schedules/x", {
    cron: "0 9 * * *",
    zone: "UTC",
    to: { client: CLIENT },
    data: SCRIPT,
    headers: { note: SCRIPT },
  });
  const answer = await fetch(`${receiver.url}/v1/notifications`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${await stack.token({ publisher: CLIENT })}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ to: { client: CLIENT }, data: { text: SCRIPT }, headers: { note: SCRIPT } }),
  });
  const { items } = (await answer.json()) as { items: { id: string }[] };
  const { id } = items[0]!;
  // A refused caller's name is in the audit log.
  const stranger = await stack.token({ publisher: SCRIPT, tenant: "other", scope: "read" });
  await fetch(`${console.url}/v1/tenants/acme/keys`, { headers: { authorization: `Bearer ${stranger}` } });

  const { page, open, faults } = await visit({ browser, stack, console });
  const client = encodeURIComponent(CLIENT);
  const hostile = [
    "/t/acme/settings",
    "/t/acme/exchanges",
    "/t/acme/schedules",
    `/t/acme/notifications/${id}?client=${client}`,
    `/t/acme/notifications?client=${client}`,
    `/t/acme/clients/${client}`,
    `/t/acme/try?client=${client}`,
    "/audit",
    `/audit?subject=${encodeURIComponent(SCRIPT)}`,
    `/t/${client}/settings`,
    `/t/acme/groups?group=${encodeURIComponent(SCRIPT)}`,
  ];
  for (const path of hostile) {
    await open(path);
    expect({ path, images: await page.locator("img:not([src='/icon.svg'])").count() }).toEqual({ path, images: 0 });
  }
  await open(`/t/acme/notifications/${id}?client=${client}`);
  await page.getByRole("button", { name: "Show the payload" }).click();
  await page.getByText("onerror").first().waitFor();
  expect(await page.evaluate(() => (globalThis as unknown as { hacked?: number }).hacked)).toBeUndefined();
  expect(faults).toEqual([]);
});
