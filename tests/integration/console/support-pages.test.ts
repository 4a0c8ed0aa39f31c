import { randomUUID } from "node:crypto";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { launchChromium } from "#tests/pages/chromium.ts";
import { SEALED } from "#tests/support/browser-session.ts";
import { buildPages, startConsole, visit } from "#tests/support/console-pages.ts";
import { produce } from "#tests/support/kafka-records.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

/** The questions of support people, answered in the console. */
let stack: Stack;
let console: Service;
let publisher: Publisher;
let browser: Browser;

beforeAll(async () => {
  await buildPages();
  stack = await startStack({
    services: ["receiver", "director", "distributor", "recorder"],
    env: { ...SEALED, TIMELINE_FOLLOW: "all" },
  });
  console = await startConsole(stack);
  publisher = await Publisher.of(stack);
  browser = await launchChromium();
});

afterAll(async () => {
  await browser.close();
  await stack.close();
});

test("follow a notification to a person who is away and comes back", async () => {
  const [id] = (await publisher.publish([{ client: "away", json: '"hello"' }])) as [string];
  const { page, open, faults } = await visit({ browser, stack, console });
  await open(`/t/acme/notifications/${id}`);
  const state = page.getByTestId("state");
  await expect.poll(() => state.innerText()).toMatch(/^stored/);
  await page.getByRole("button", { name: "Show the payload" }).click();
  await page.getByText('"hello"').waitFor();

  const distributor = stack.services.find(({ kind }) => kind === "distributor")!;
  const subscriber = await Subscriber.of(stack, { client: "away", transport: "websocket" });
  await subscriber.connect(distributor);
  await expect.poll(() => subscriber.received.map((one) => one.id)).toEqual([id]);
  await expect.poll(() => state.innerText()).toMatch(/^acknowledged/);
  const kinds = await page.getByRole("table", { name: "Events" }).locator(".status").allInnerTexts();
  expect(kinds).toEqual(expect.arrayContaining(["accepted", "stored", "replayed", "acknowledged"]));
  expect(await page.getByRole("img", { name: /events: accepted by the receiver/ }).count()).toBe(1);

  await open("/t/acme/clients/away");
  await page.getByText("connected", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Disconnect" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Disconnect" }).click();
  await expect.poll(() => subscriber.end).toBeDefined();
  await page.getByText("away", { exact: true }).first().waitFor();
  expect(faults).toEqual([]);
});

test("delete everything that is kept of a person", async () => {
  await publisher.publish([{ client: "leaver", json: "1" }]);
  const { page, open } = await visit({ browser, stack, console });
  await open("/t/acme/clients/leaver");
  await page.getByRole("button", { name: "Delete data" }).click();
  const dialog = page.getByRole("dialog");
  await expect.poll(() => dialog.innerText()).toMatch(/1 stored notification/);
  await dialog.getByRole("button", { name: "Delete data" }).click();
  await expect.poll(() => dialog.innerText()).toMatch(/What remains until it ends by itself.*accepted/s);
});

test("read and redrive a dead letter", async () => {
  const writer = new PackWriter();
  const id = randomUUID();
  writer.notification({ key: "acme/buried", id, payload: Buffer.from("1") });
  const good = writer.take();
  // A kind of a later version.
  const bad = Buffer.from(good);
  bad[7] = 9;
  const partition = partitionOf("acme/buried", 12);
  await produce(stack, "accepted", partition, [bad]);
  const { page, open, faults } = await visit({ browser, stack, console });
  await open("/t/acme/dead-letters");
  const row = page.getByRole("row").filter({ hasText: "kind" }).first();
  await row.waitFor({ timeout: 60_000 });
  await row.getByRole("button", { name: "Read" }).click();
  await page.getByRole("dialog").locator("pre").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await row.getByRole("button", { name: "Redrive" }).click();
  const dialog = page.getByRole("dialog");
  expect(await dialog.innerText()).toContain("it is sent twice");
  await dialog.getByRole("button", { name: "Redrive" }).click();
  // It is still wrong, so it comes back as another dead letter.
  await expect
    .poll(async () => {
      await page.reload();
      await page.getByRole("row").nth(1).waitFor();
      return page.getByRole("row").filter({ hasText: "kind" }).count();
    })
    .toBe(2);
  expect(faults).toEqual([]);
});
