import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import type { Service, Stack } from "./stack.ts";

/** The console as a person uses it: its pages in a real Chromium, on a stack. */
const repository = resolve(import.meta.dirname, "../..");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Builds the pages, unless they are built from the same files. */
export async function buildPages(): Promise<void> {
  await promisify(execFile)(process.execPath, [join(repository, "services/console/web/build.ts")]);
}

/** A console that reaches each service of a stack that has SECRETS_KEY. Start it after them. `more`: services that were started later. */
export function startConsole(stack: Stack, ...more: Service[]): Promise<Service> {
  const urls = [...stack.services, ...more].map(({ kind, url }) => [`${kind.toUpperCase()}_URL`, url] as const);
  return stack.start("console", Object.fromEntries(urls));
}

export interface Visitor {
  page: Page;
  /** Opens a page of the console, and waits until it shows its content. */
  open(path: string): Promise<void>;
  /** What went wrong in the page: errors, refusals of the policy, dialogs, and requests to other origins. */
  faults: string[];
}

interface Who {
  subject?: string;
  tenant?: string;
  scope?: string;
  /** A sign-in token of another issuer. */
  token?: string;
}

/** Someone who opens the sign-in link that the console prints. */
export async function visit(
  { browser, stack, console: service }: { browser: Browser; stack: Stack; console: Service },
  { subject = "ada", tenant = "platform", scope = "operate read", token }: Who = {},
  options: BrowserContextOptions = {},
): Promise<Visitor> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  onTestFinished(async ({ task }) => {
    if (task.result?.state === "fail") console.error(`${page.url()} showed:\n${await page.innerText("body")}`);
    await context.close();
  });
  const faults: string[] = [];
  // The browser logs each answer of 4xx, which may be the one that a test expects.
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== service.url) faults.push(`a request to ${request.url()}`);
  });
  await page.addInitScript(axe);
  const used = token ?? (await stack.token({ publisher: subject, tenant, scope, ttl: 300 }));
  await page.goto(`${service.url}/#sign-in=${used}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  if ((await page.locator(".sign-in").count()) > 0)
    throw new Error(`The sign-in failed: ${await page.innerText("body")}`);
  return {
    page,
    faults,
    async open(path) {
      await page.goto(`${service.url}${path}`);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await expect.poll(() => page.locator(".skeleton").count()).toBe(0);
    },
  };
}

interface Violation {
  id: string;
  nodes: { html: string }[];
}

/** The findings of axe, and whether the page is wider than the screen. */
export async function findings(page: Page): Promise<string[]> {
  const violations = await page.evaluate(async () => {
    const { axe: tool } = globalThis as unknown as {
      axe: { run(options: object): Promise<{ violations: Violation[] }> };
    };
    return (await tool.run({ resultTypes: ["violations"] })).violations;
  });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  return [
    ...violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`)),
    ...(wide > 0 ? [`the page is ${wide} pixels wider than the screen`] : []),
  ];
}
