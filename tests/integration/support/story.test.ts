import { afterAll, beforeAll, expect, test } from "vitest";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

/** What support sees while services and the recorder work. */
let stack: Stack;
let distributor: Service;
let operator: ConsoleApi;
let publisher: Publisher;

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "director", "distributor", "recorder", "console"],
    env: { DRAIN_MS: "0", ACK_MS: "1500", SWEEP_MS: "500" },
  });
  const [, , third, , desk] = stack.services as [Service, Service, Service, Service, Service];
  distributor = third;
  operator = await ConsoleApi.of(stack, desk);
  publisher = await Publisher.of(stack);
});

afterAll(() => stack.close());

interface Shown {
  client?: string;
  state: { name: string; sentence: string };
  events: { kind: string }[];
  unknown: string[];
}

const show = async (id: string, query = ""): Promise<Shown> =>
  (await operator.does("GET", `/acme/notifications/${id}${query}`)) as unknown as Shown;

const stateOf = async (id: string): Promise<string> => (await show(id)).state.name;

/** Services read the watch by themselves, so the first notifications may not be followed. */
async function followed(client: string): Promise<string> {
  let id = "";
  await expect
    .poll(async () => {
      await publisher.number(client);
      id = publisher.accepted(client).at(-1)!;
      await expect.poll(async () => (await show(id, `?client=${client}`)).state.name).toBe("stored");
      // The recorder is a moment behind the stores.
      const accepted = async () => (await show(id)).events.some(({ kind }) => kind === "accepted");
      return expect
        .poll(accepted, { timeout: 3_000 })
        .toBe(true)
        .then(
          () => true,
          () => false,
        );
    })
    .toBe(true);
  return id;
}

test("a watched person who is away and comes back: stored, then acknowledged over a transport", async () => {
  await operator.does("PUT", "/acme/watches/client:back", { seconds: 600 });
  const id = await followed("back");
  // The recorder is a moment behind the stores.
  await expect.poll(async () => (await show(id)).state.sentence).toContain("it was not connected");
  const stored = await show(id);
  expect([stored.client, stored.unknown]).toEqual(["back", []]);
  expect(stored.state.name).toBe("stored");
  const subscriber = await Subscriber.of(stack, { client: "back", transport: "websocket" });
  await subscriber.connect(distributor);
  await subscriber.all(publisher);
  await expect.poll(() => stateOf(id)).toBe("acknowledged");
  const { state, events } = await show(id);
  expect(events.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(["accepted", "stored", "replayed", "acknowledged"]),
  );
  expect(state.sentence).toMatch(/^back acknowledged it at /);
  const { lastAcknowledged, recent } = await operator.does("GET", "/acme/clients/back");
  expect(lastAcknowledged).toBeTypeOf("string");
  expect(recent).toContainEqual(
    expect.objectContaining({ id, state: expect.objectContaining({ name: "acknowledged" }) }),
  );
  await subscriber.close();
});

test("an exception is known of a notification that is not followed", async () => {
  const [id] = await publisher.publish([{ client: "late", json: "1", ttl: 1 }]);
  await expect.poll(() => stateOf(id!)).toBe("expired");
  const { unknown } = await show(id!);
  expect(unknown).toContainEqual(expect.stringContaining("Only exceptions are recorded"));
});

test("nothing is left of a deleted client", async () => {
  await operator.does("PUT", "/acme/watches/client:gone", { seconds: 600 });
  const id = await followed("gone");
  const { deleted } = await operator.does("DELETE", "/acme/clients/gone");
  expect(deleted).toMatchObject({ watches: 1 });
  expect((deleted as { stored: number }).stored).toBeGreaterThan(0);
  // The recorder may write the last events now.
  await expect
    .poll(async () => {
      await operator.does("DELETE", "/acme/clients/gone");
      return stateOf(id);
    })
    .toBe("unknown");
  const subscriber = await Subscriber.of(stack, { client: "gone", transport: "websocket" });
  await subscriber.connect(distributor);
  await subscriber.live();
  expect(subscriber.received).toEqual([]);
  await subscriber.close();
});
