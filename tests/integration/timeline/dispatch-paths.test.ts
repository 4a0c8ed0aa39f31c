import { afterAll, beforeAll, expect, test } from "vitest";
import { recipientId } from "@saasaparilla/shared/protocol/publication.ts";
import { startDispatchPlatform, type DispatchPlatform } from "#tests/support/dispatch-platform.ts";
import { publishRequests } from "#tests/support/publish-requests.ts";
import { grantQueues, QueueConsumer } from "#tests/support/queue-consumer.ts";
import { eventsOf, kindsOf } from "#tests/support/timeline-rows.ts";

/** What the dispatcher records: of publications, of their recipients, and of messages of queues. */
let platform: DispatchPlatform;

beforeAll(async () => {
  platform = await startDispatchPlatform({
    services: ["receiver", "recorder"],
    env: { TIMELINE_FOLLOW: "all", SWEEP_MS: "500" },
  });
  await platform.dispatch.fill("team", 2);
  await grantQueues(platform.stack, platform.service("console"));
});

afterAll(() => platform.close());

const within = { timeout: 30_000, interval: 200 };
const { publish } = publishRequests(() => ({
  stack: platform.stack,
  receiver: platform.service("receiver"),
  token: platform.token,
}));

async function published(item: object): Promise<string> {
  const { status, body } = await publish([item]);
  expect([status, body.rejected]).toEqual([202, 0]);
  return body.items[0].id as string;
}

const detailOf = async (id: string, kind: string) =>
  (await eventsOf(platform.stack, id)).find((event) => event.kind === kind)?.detail;

test("a publication to a group has its counts, and each recipient's notification names it", async () => {
  const id = await published({ to: { group: "team" }, data: 1 });
  await expect.poll(() => kindsOf(platform.stack, id), within).toEqual(["accepted", "fanned-out"]);
  const target = "group:team";
  expect(await detailOf(id, "accepted")).toEqual({ publisher: "shop", why: "all", target });
  expect(await detailOf(id, "fanned-out")).toEqual({ target, written: 2, refused: 0 });
  for (const client of ["m0", "m1"]) {
    const own = recipientId(id, `acme/${client}`);
    await expect
      .poll(() => kindsOf(platform.stack, own), within)
      .toEqual(expect.arrayContaining(["fanned-out", "stored"]));
    expect(await detailOf(own, "fanned-out")).toEqual({ publication: id, target });
  }
}, 60_000);

test("a publication for later is scheduled, and a cancelled one says who withdrew it", async () => {
  const id = await published({ to: { group: "team" }, delay: 3_600, data: 1 });
  await expect.poll(() => kindsOf(platform.stack, id), within).toEqual(["accepted", "scheduled"]);
  expect((await detailOf(id, "scheduled"))!.due).toBeGreaterThan(Date.now() + 3_000_000);
  expect((await platform.api.ask("DELETE", `publications/${id}`)).status).toBe(200);
  await expect.poll(() => detailOf(id, "cancelled"), within).toEqual({ by: "shop" });
}, 60_000);

test("a publication to an exchange that does not exist is skipped, with the reason", async () => {
  const id = await published({ to: { exchange: "nowhere" }, data: 1 });
  await expect.poll(() => kindsOf(platform.stack, id), within).toContain("skipped");
  expect((await detailOf(id, "skipped"))!.why).not.toBe("");
}, 60_000);

test("a queue's message is stored, claimed and confirmed; after its last attempt it is quarantined", async () => {
  await platform.operator.does("PUT", "/acme/queues/jobs", { maxAttempts: 1 });
  const consumer = await QueueConsumer.of(platform.stack, platform.service("dispatcher"));
  await consumer.untilGranted("jobs");
  const first = await published({ to: { queue: "jobs" }, data: 1 });
  await expect.poll(() => kindsOf(platform.stack, first), within).toContain("stored");
  expect(await detailOf(first, "stored")).toEqual({ why: "queue" });
  const { body } = await consumer.claim("jobs", { limit: 1, seconds: 60 });
  await consumer.confirm("jobs", body.messages[0]!.receipt);
  await expect
    .poll(() => kindsOf(platform.stack, first), within)
    .toEqual(expect.arrayContaining(["claimed", "confirmed"]));
  const second = await published({ to: { queue: "jobs" }, data: 2 });
  await expect
    .poll(async () => (await consumer.claim("jobs", { limit: 1, seconds: 1 })).body.messages.length, within)
    .toBe(1);
  await expect
    .poll(async () => {
      await consumer.claim("jobs", { limit: 1, seconds: 1 });
      return kindsOf(platform.stack, second);
    }, within)
    .toContain("quarantined");
  expect(await kindsOf(platform.stack, second)).not.toContain("confirmed");
}, 60_000);
