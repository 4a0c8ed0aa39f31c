import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { storedFor } from "#tests/support/stored-rows.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { TRANSPORTS } from "#tests/support/raw-transports.ts";

/**
 * A client can send any cursor, in any way. Still, no notification is deleted before it was sent to the client:
 * the notification is stored once the connection is gone, and comes on the next one.
 */
let stack: Stack;
let here: Service;
let there: Service;
let publisher: Publisher;

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "director", "distributor", "distributor"],
    env: { DRAIN_MS: "0", ACK_MS: "1000", POLL_GRACE_MS: "2000" },
  });
  [here, there] = [stack.services[2]!, stack.services[3]!];
  publisher = await Publisher.of(stack);
});

afterAll(() => stack.close());

const CURSORS = [
  ["of a later epoch", (own: string) => `00ff${own.slice(4)}`],
  ["of a later offset", (own: string) => `${own.slice(0, 4)}00000fffffff000${own.slice(19)}`],
  ["of the last epoch and offset that there can be", (own: string) => `${"f".repeat(19)}${own.slice(19)}`],
] as const;

async function acks(service: Service, client: string, cursor: string): Promise<number> {
  const headers = { authorization: `Bearer ${await stack.token({ client })}`, "content-type": "application/json" };
  const body = JSON.stringify({ cursor });
  return (await fetch(`${service.url}/v1/acks`, { method: "POST", headers, body })).status;
}

/** Everything comes on a connection without a cursor. */
async function expectAllOnReturn(client: string): Promise<void> {
  const later = await Subscriber.of(stack, { client, transport: "websocket" });
  await later.connect(there, { cursor: undefined });
  await later.all(publisher);
  await later.close();
}

describe.for(TRANSPORTS)("an open connection over %s", (transport) => {
  test.for(CURSORS)(
    "R4, R22: POST /v1/acks with a cursor %s acknowledges nothing, at any distributor",
    async ([what, made]) => {
      const client = `post-${transport}-${what.length}`;
      await publisher.number(client, 3);
      await storedFor(stack, [client], 3);
      const subscriber = await Subscriber.of(stack, { client, transport, acknowledge: "manual" });
      await subscriber.connect(here);
      await subscriber.all(publisher);
      // The poll loop is between two polls now: these wait in its outbox.
      await publisher.number(client, 2);
      if (transport !== "poll") await subscriber.all(publisher);
      const cursor = made(subscriber.cursor!);
      expect([await acks(here, client, cursor), await acks(there, client, cursor)]).toEqual([204, 204]);
      await subscriber.destroy();
      await storedFor(stack, [client], 5);
      await expectAllOnReturn(client);
    },
  );

  test.for(CURSORS)(
    "R4, R23: a connection that begins %s deletes nothing, beside an open one",
    async ([what, made]) => {
      const client = `begin-${transport}-${what.length}`;
      await publisher.number(client, 3);
      await storedFor(stack, [client], 3);
      const open = await Subscriber.of(stack, { client, transport: "sse", acknowledge: "manual" });
      await open.connect(here);
      await open.all(publisher);
      const liar = await Subscriber.of(stack, { client, transport, acknowledge: "manual" });
      await liar.connect(here, { cursor: made(open.cursor!) });
      await liar.all(publisher);
      await Promise.all([open.destroy(), liar.destroy()]);
      await storedFor(stack, [client], 3);
      await expectAllOnReturn(client);
    },
  );
});

test.for(CURSORS)("R20: a WebSocket's ack %s has no effect, and its connection continues", async ([what, made]) => {
  const client = `frame-${what.length}`;
  const subscriber = await Subscriber.of(stack, { client, transport: "websocket", acknowledge: "manual" });
  await subscriber.connect(here);
  await publisher.number(client, 3);
  await subscriber.all(publisher);
  await subscriber.ack(made(subscriber.cursor!), "frame");
  await publisher.number(client, 2);
  await subscriber.all(publisher);
  await subscriber.destroy();
  await storedFor(stack, [client], 5);
  await expectAllOnReturn(client);
});
