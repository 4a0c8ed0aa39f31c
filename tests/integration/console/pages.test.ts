import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchChromium } from "#tests/pages/chromium.ts";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { SEALED } from "#tests/support/browser-session.ts";
import { buildPages, findings, startConsole, visit } from "#tests/support/console-pages.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { consoleTypes } from "#tools/docs/console-types.ts";

/** Each page of the console, by axe, on a wide and a narrow screen, in both themes. */
let stack: Stack;
let console: Service;
let browser: Browser;
let id: string;

beforeAll(async () => {
  await buildPages();
  stack = await startStack({
    services: ["receiver", "director", "distributor", "dispatcher", "courier", "recorder"],
    env: { ...SEALED, TIMELINE_FOLLOW: "all" },
  });
  console = await startConsole(stack);
  const api = await ConsoleApi.of(stack, console);
  await api.does("POST", "/acme/keys", { name: "checkout", scopes: ["publish"], clients: ["*"] });
  await api.does("PUT", "/acme/exchanges/orders", { type: "fanout", bindings: [{ to: { client: "u1" } }] });
  await api.does("PUT", "/acme/schedules/nine", { cron: "0 9 * * *", zone: "UTC", to: { client: "u1" }, data: 1 });
  [id] = (await (await Publisher.of(stack)).publish([{ client: "u1", json: "1" }])) as [string];
  browser = await launchChromium();
});

afterAll(async () => {
  await browser.close();
  await stack.close();
});

test("the types of the pages are those of the console's OpenAPI document", async () => {
  const document = (await (await fetch(`${console.url}/openapi.json`)).json()) as Parameters<typeof consoleTypes>[0];
  const written = readFileSync(join(import.meta.dirname, "../../../services/console/web/api/schemas.ts"), "utf8");
  // The formatter sets lines, quotes and separators.
  const plain = (text: string): string => text.replaceAll(/[\s;"|(),]/g, "");
  expect(plain(written), "Write them again: npx just console-types").toBe(plain(consoleTypes(document)));
});

const PAGES = [
  "/",
  "/services",
  "/tenants",
  "/audit",
  "/t/acme/notifications",
  "/t/acme/notifications/ID",
  "/t/acme/clients",
  "/t/acme/clients/u1",
  "/t/acme/try",
  "/t/acme/dead-letters",
  "/t/acme/dead-letters?tab=quarantine",
  "/t/acme/refusals",
  "/t/platform/refusals",
  "/t/acme/queues",
  "/t/acme/groups?group=team",
  "/t/acme/exchanges",
  "/t/acme/schedules",
  ...["keys", "issuers", "grants", "limits", "origins", "timeline", "revocations", "explain"].map(
    (tab) => `/t/acme/settings?tab=${tab}`,
  ),
  "/no-such-page",
];

const SCREENS = {
  "wide and light": { viewport: { width: 1280, height: 800 }, colorScheme: "light" },
  "narrow and dark": { viewport: { width: 375, height: 740 }, colorScheme: "dark" },
} as const;

test.for(Object.entries(SCREENS))("axe finds nothing on any page, %s", async ([, screen]) => {
  const visitor = await visit({ browser, stack, console }, {}, screen);
  for (const path of PAGES) {
    await visitor.open(path.replace("ID", id));
    expect({ path, findings: await findings(visitor.page) }).toEqual({ path, findings: [] });
    expect({ path, problems: await visitor.page.locator(".problem[role=alert]").allTextContents() }).toEqual({
      path,
      problems: [],
    });
  }
  expect(visitor.faults).toEqual([]);
});

test("axe finds nothing before the sign-in", async () => {
  const page = await (await browser.newContext()).newPage();
  const { default: axe } = await import("axe-core");
  await page.addInitScript(axe.source);
  await page.goto(console.url);
  await page.getByRole("heading", { name: "Sign in to the console" }).waitFor();
  expect(await findings(page)).toEqual([]);
  await page.context().close();
});

test("the keys search, open pages and show themselves", async () => {
  const { page, faults } = await visit({ browser, stack, console });
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  expect(await findings(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.getByRole("heading", { level: 1, name: "Tenants" }).waitFor();
  await page.getByRole("link", { name: "acme" }).first().click();
  await page.getByRole("heading", { level: 1, name: /acme/ }).waitFor();
  await page.keyboard.press("/");
  await page.getByRole("combobox", { name: "Search" }).fill(id);
  expect(await findings(page)).toEqual([]);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: id }).waitFor();
  expect(new URL(page.url()).pathname).toBe(`/t/acme/notifications/${id}`);
  expect(faults).toEqual([]);
});

test("a chosen theme stays, and no token is in the page's storage", async () => {
  const { page, open } = await visit({ browser, stack, console });
  await page.getByText("dark", { exact: true }).click();
  await open("/tenants");
  expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("dark");
  const kept = await page.evaluate(() => {
    const all = [localStorage, sessionStorage].flatMap((storage) => Object.entries(storage));
    return JSON.stringify([all, document.cookie]);
  });
  expect(kept).not.toMatch(/eyJ|session|csrf/i);
  expect(page.url()).not.toContain("sign-in");
});
