import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchChromium } from "#tests/pages/chromium.ts";
import { SEALED } from "#tests/support/browser-session.ts";
import { buildPages, startConsole, visit } from "#tests/support/console-pages.ts";
import { fixedPort } from "#tests/support/fixed-port.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

/** "Try it": three real connections of a client, side by side. */
let stack: Stack;
let console: Service;
let distributor: Service;
let port: string;
let browser: Browser;

beforeAll(async () => {
  await buildPages();
  stack = await startStack({
    services: ["receiver", "director", "recorder"],
    env: { ...SEALED, TIMELINE_FOLLOW: "all" },
  });
  port = await fixedPort();
  distributor = await stack.start("distributor", { PORT: port });
  console = await startConsole(stack, distributor);
  browser = await launchChromium();
});

afterAll(async () => {
  await browser.close();
  await stack.close();
});

const PANES = ["websocket", "sse", "poll"];

async function publish(page: Page, text: string): Promise<void> {
  await page.getByLabel("Payload").fill(JSON.stringify(text));
  await page.getByRole("button", { name: "Publish" }).click();
  await page.getByText("accepted", { exact: true }).waitFor();
}

async function heard(page: Page, text: string): Promise<void> {
  for (const pane of PANES) await expect.poll(() => page.getByTestId(`pane-${pane}`).innerText()).toContain(text);
}

test("a published notification arrives on three panes, also after a distributor was killed", async () => {
  const { page, open, faults } = await visit({ browser, stack, console });
  await open("/t/acme/try?client=u7");
  const live = page.locator(".panel .status").filter({ hasText: "live" });
  await expect.poll(() => live.count()).toBe(PANES.length);
  await page.getByRole("button", { name: "Dry run" }).click();
  await page.getByText("it would be accepted").waitFor();
  await publish(page, "before");
  await heard(page, "before");

  distributor.kill("SIGKILL");
  await distributor.exited;
  await stack.start("distributor", { PORT: port });
  await expect.poll(() => live.count()).toBe(PANES.length);
  await publish(page, "after");
  await heard(page, "after");
  expect(faults).toEqual([]);
});
