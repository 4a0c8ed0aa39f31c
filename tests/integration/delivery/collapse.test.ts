import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accept, outcomesOf } from "#tests/support/accepted-packs.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

let stack: Stack;
let distributor: Service;

beforeAll(async () => {
  stack = await startStack({
    services: ["director", "distributor"],
    env: { DRAIN_MS: "0", ACK_MS: "1500", WINDOW: "2", SWEEP_MS: "300" },
  });
  distributor = stack.services[1]!;
});

afterAll(() => stack.close());

const idsOf = ({ received }: Subscriber): string[] => received.map(({ id }) => id);

async function awaitOutcomes(expected: Record<string, string>): Promise<void> {
  const ids = Object.keys(expected);
  const first = async (): Promise<Record<string, string | undefined>> =>
    Object.fromEntries([...(await outcomesOf(stack, ids))].map(([id, [outcome]]) => [id, outcome]));
  await expect.poll(first, { timeout: 30_000, interval: 500 }).toEqual(expected);
}

test("R60: of three with one key while the client is away, the last one comes", async () => {
  const client = "away";
  const [first, second, third, other] = await accept(stack, [
    { client, collapse: "order", outcomes: "log" },
    { client, collapse: "order", outcomes: "log" },
    { client, collapse: "order", outcomes: "log" },
    { client, collapse: "other" },
  ]);
  await storedFor(stack, [client], 2);
  const subscriber = await Subscriber.of(stack, { client, transport: "websocket" });
  await subscriber.connect(distributor);
  await subscriber.live();
  expect(idsOf(subscriber)).toEqual([third, other]);
  expect(subscriber.received[0]!.collapse).toBe("order");
  await awaitOutcomes({ [first!]: "replaced", [second!]: "replaced", [third!]: "acknowledged" });
  await subscriber.close();
});

test("R60: what waits behind a full window is replaced, and what was sent stays", async () => {
  const client = "window";
  const subscriber = await Subscriber.of(stack, { client, transport: "websocket", acknowledge: "manual" });
  await subscriber.connect(distributor);
  await subscriber.live();
  const [one, two, replaced, last] = await accept(stack, [
    { client, collapse: "order", outcomes: "log" },
    { client, outcomes: "log" },
    { client, collapse: "order", outcomes: "log" },
    { client, collapse: "order", outcomes: "log" },
  ]);
  await subscriber.until("the window is here", () => subscriber.received.length === 2);
  await subscriber.ack();
  await subscriber.until("the rest is here", () => subscriber.received.length >= 3);
  await subscriber.ack();
  expect(idsOf(subscriber)).toEqual([one, two, last]);
  await awaitOutcomes({
    [one!]: "acknowledged",
    [two!]: "acknowledged",
    [replaced!]: "replaced",
    [last!]: "acknowledged",
  });
  await subscriber.close();
});

test("R61: a notification that is retracted before its client comes never arrives", async () => {
  const client = "unread";
  const [before, taken, retract, after] = await accept(stack, [
    { client },
    { client, collapse: "offer", outcomes: "log" },
    { client, collapse: "offer", retract: true, outcomes: "log" },
    { client },
  ]);
  await storedFor(stack, [client], 3);
  const subscriber = await Subscriber.of(stack, { client, transport: "websocket", retracts: true });
  await subscriber.connect(distributor);
  await subscriber.live();
  expect([idsOf(subscriber), subscriber.retracted.map(({ id }) => id)]).toEqual([[before, after], [retract]]);
  await awaitOutcomes({ [taken!]: "retracted", [retract!]: "acknowledged" });
  await subscriber.close();
});

describe.each(["websocket", "sse", "poll"] as const)("R61: on %s", (transport) => {
  test("a retract after the notification was read comes as a frame of its own, and is acknowledged", async () => {
    const client = `read-${transport}`;
    const subscriber = await Subscriber.of(stack, { client, transport, retracts: true });
    await subscriber.connect(distributor);
    const [first] = await accept(stack, [{ client, collapse: "offer", outcomes: "log" }]);
    await subscriber.until("it is here", () => subscriber.received.length === 1);
    const [retract] = await accept(stack, [{ client, collapse: "offer", retract: true, outcomes: "log" }]);
    await subscriber.until("the retract is here", () => subscriber.retracted.length === 1);
    expect(subscriber.retracted[0]).toMatchObject({ type: "retract", id: retract, collapse: "offer" });
    const [last] = await accept(stack, [{ client, headers: '{"size":2}' }]);
    await subscriber.until("the next is here", () => subscriber.received.length === 2);
    expect(idsOf(subscriber)).toEqual([first, last]);
    expect(subscriber.received[1]!.headers).toEqual({ size: 2 });
    await awaitOutcomes({ [first!]: "acknowledged", [retract!]: "acknowledged" });
    await subscriber.close();
    await storedFor(stack, [client], 0);
  });

  test("a connection that did not ask passes over retracts, live and stored, and does not stall", async () => {
    const client = `old-${transport}`;
    const subscriber = await Subscriber.of(stack, { client, transport });
    const [away] = await accept(stack, [{ client, collapse: "offer", retract: true, outcomes: "log" }]);
    await storedFor(stack, [client], 1);
    await subscriber.connect(distributor);
    // As long as the retract is stored, the next one replaces it.
    await storedFor(stack, [client], 0);
    const ids = await accept(stack, [
      { client, outcomes: "log" },
      { client, collapse: "offer", retract: true, outcomes: "log" },
    ]);
    await subscriber.until("the first is here", () => subscriber.received.length === 1);
    await awaitOutcomes({ [away!]: "acknowledged", [ids[0]!]: "acknowledged", [ids[1]!]: "acknowledged" });
    await accept(stack, [{ client }]);
    await subscriber.until("the next is here", () => subscriber.received.length === 2);
    expect(subscriber.retracted).toEqual([]);
    await subscriber.close();
    await storedFor(stack, [client], 0);
  });
});

test("a stored notification that expires has an outcome, and the outcome has none", async () => {
  const [stored] = await accept(stack, [{ client: "expires", ttl: 1, outcomes: "log" }]);
  await awaitOutcomes({ [stored!]: "expired" });
  // The outcome waits in its queue, and asks for none itself.
  await storedFor(stack, ["expires"], 0);
  const all = [...(await outcomesOf(stack, [stored!])).values()].flat();
  expect(all).toEqual(["expired"]);
});
