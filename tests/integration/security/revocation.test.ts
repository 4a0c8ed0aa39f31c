import { afterAll, beforeAll, expect, test } from "vitest";
import type { ConsoleApi } from "#tests/support/console-api.ts";
import { Publisher } from "#tests/support/publisher.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { TRANSPORTS } from "#tests/support/raw-transports.ts";
import { connects, startTenancy } from "#tests/support/tenants.ts";

/** How long an admitted connection may stay. */
let stack: Stack;
let distributor: Service;
let operator: ConsoleApi;

beforeAll(async () => {
  ({ stack, distributor, operator } = await startTenancy());
});

afterAll(() => stack.close());

test.for(TRANSPORTS)(
  "R19: a connection over %s is closed with a code when its subject is revoked; a newer token reconnects",
  async (transport) => {
    const client = `revoked-${transport}`;
    const publisher = await Publisher.of(stack);
    const first = await Subscriber.of(stack, { client, transport });
    const other = await Subscriber.of(stack, { client: `kept-${transport}`, transport });
    await Promise.all([first.connect(distributor), other.connect(distributor)]);
    await publisher.number([client, other.client], 3);
    await Promise.all([first.all(publisher), other.all(publisher)]);
    // A poll under way would be refused.
    await first.acknowledged();
    await operator.does("PUT", `/acme/revocations/${client}`, {});
    await first.until("it is cut", () => !first.open);
    if (transport !== "poll")
      expect(first.frames.at(-1)).toMatchObject({ type: "closing", code: 4004, reconnect: "token" });
    if (transport !== "sse") expect(first.end).toMatchObject({ code: 4004 });
    expect(other.open).toBe(true);
    await publisher.number(client, 2);
    // A token that was issued in a later second than the revocation.
    await expect.poll(async () => connects(distributor, await stack.token({ client }))).toBe(200);
    const later = await Subscriber.of(stack, { client, transport });
    await later.connect(distributor, { cursor: first.cursor });
    await later.until("the rest is here", () => later.received.length === 2);
    expect(later.received.map(({ id }) => id)).toEqual(publisher.accepted(client).slice(3));
    await Promise.all([later.close(), other.close()]);
  },
);

test("R14, R19: a connection with an expired token is closed with 4002; one with a renewed token continues", async () => {
  const publisher = await Publisher.of(stack);
  // Already expired, but still valid within the leeway: for twenty seconds. A poll waits that long and must end
  // meanwhile.
  const open = async (name: string, transport: (typeof TRANSPORTS)[number]): Promise<Subscriber> =>
    (
      await Subscriber.of(stack, { client: `expires-${name}`, transport, ttl: transport === "poll" ? -20 : -10 })
    ).connect(distributor);
  const renewed = await open("renewed", "websocket");
  const left = await Promise.all(TRANSPORTS.map((transport) => open(transport, transport)));
  const clients = [renewed, ...left].map(({ client }) => client);
  await publisher.number(clients, 2);
  await Promise.all([renewed, ...left].map((subscriber) => subscriber.all(publisher)));
  await renewed.until("it is told that its token expires", () => renewed.frames.some(({ type }) => type === "refresh"));
  renewed.say(JSON.stringify({ type: "refresh", token: await stack.token({ client: renewed.client }) }));
  for (const subscriber of left) {
    await subscriber.until("it is closed", () => !subscriber.open);
    if (subscriber.transport !== "poll")
      expect(subscriber.frames.at(-1)).toMatchObject({ code: 4002, reconnect: "token" });
    if (subscriber.transport !== "sse") expect(subscriber.end).toMatchObject({ code: 4002 });
  }
  await publisher.number(clients, 2);
  await renewed.all(publisher);
  expect(renewed.frames.filter(({ type }) => type === "connected")).toHaveLength(1);
  await renewed.close();
  // With a new token in the header, and the cursor: the rest, without repeats.
  for (const { client, transport, cursor } of left) {
    const later = await Subscriber.of(stack, { client, transport });
    await later.connect(distributor, { cursor });
    await later.until("the rest is here", () => later.received.length === 2);
    expect(later.received.map(({ id }) => id)).toEqual(publisher.accepted(client).slice(2));
    await later.close();
  }
});
