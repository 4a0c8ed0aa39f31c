import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { clientKey, partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { readAccepted } from "#tests/support/accepted-records.ts";
import { DeadLettersApi } from "#tests/support/dead-letters-api.ts";
import { produce } from "#tests/support/kafka-records.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { eventsOf, kindsOf } from "#tests/support/timeline-rows.ts";

/** Without anything followed: what is recorded nevertheless, and what waits for the end of an upgrade. */
let stack: Stack;
let director: Service;

beforeAll(async () => {
  stack = await startStack({ services: ["director", "recorder"], env: { SWEEP_MS: "500" } });
  [director] = stack.services as [Service];
});

afterAll(() => stack.close());

const within = { timeout: 30_000, interval: 200 };

async function setFormat(format: number): Promise<void> {
  const client = new pg.Client({ connectionString: stack.env.DATABASE_URL! });
  await client.connect();
  await client.query(`update "${stack.namespace}".platform set format = $1`, [format]);
  await client.end();
}

test("before the upgrade is finished nothing is followed, and afterwards it is", async () => {
  await setFormat(3);
  const receiver = await stack.start("receiver", { TIMELINE_FOLLOW: "all" });
  stack.services.push(receiver);
  const publisher = await Publisher.of(stack);
  const followed = async (client: string) =>
    (await readAccepted(stack)).filter(({ key }) => key === `acme/${client}`).map((one) => one.followed);
  await publisher.number("before");
  expect(await followed("before")).toEqual([false]);
  await setFormat(4);
  await expect
    .poll(async () => {
      await publisher.number("after");
      return (await followed("after")).at(-1);
    }, within)
    .toBe(true);
}, 90_000);

test("expired and dead-lettered notifications are recorded, and other events of them are not", async () => {
  const id = "6e8bc430-9c3a-41d9-9669-0800200c9b01";
  const dead = "6e8bc430-9c3a-41d9-9669-0800200c9b02";
  const key = clientKey("acme", "gone");
  const writer = new PackWriter();
  writer.notification({ key, id, ttl: 1, payload: Buffer.from("1") });
  await produce(stack, "accepted", partitionOf(key, 4), [writer.take()]);
  await expect.poll(() => kindsOf(stack, id), within).toEqual(["expired"]);
  writer.notification({ key, id: dead, payload: Buffer.from("2") });
  const whole = writer.take();
  // One byte too many: the record is no pack, and its readable notification is named.
  await produce(stack, "accepted", partitionOf(key, 4), [Buffer.concat([whole, Buffer.from([0])])]);
  await expect.poll(() => kindsOf(stack, dead), within).toEqual(["dead-lettered"]);
  expect((await eventsOf(stack, dead))[0]!.detail).toMatchObject({
    topic: `${stack.namespace}.accepted`,
    why: expect.stringContaining("bytes follow the last item") as string,
  });
  const api = await DeadLettersApi.of(stack, () => director);
  const [letter] = await api.list();
  await api.redrive(letter!.id);
  await expect.poll(() => kindsOf(stack, dead), within).toEqual(expect.arrayContaining(["redriven"]));
}, 90_000);
