import { afterAll, beforeAll, expect, test } from "vitest";
import { metric } from "./metric.ts";
import { storedFor } from "./observe.ts";
import { Publisher } from "./publisher.ts";
import { startStack, type Service, type Stack } from "./stack.ts";
import { Subscriber } from "./subscriber.ts";

let stack: Stack;
let director: Service;

beforeAll(async () => {
  const env = { CLIENT_STORED: "50", SWEEP_MS: "200", DRAIN_MS: "0" };
  stack = await startStack({ services: ["receiver", "director", "distributor"], env });
  director = stack.services[1]!;
});

afterAll(() => stack.close());

test("R55: of more than may be stored for a client the oldest goes, each with a line in the log, and the rest comes in order", async () => {
  const publisher = await Publisher.of(stack);
  await publisher.number(["much", "little"], 30);
  await storedFor(stack, ["much", "little"], 60);
  await publisher.number("much", 90);
  await storedFor(stack, ["much"], 50);
  const dropped = publisher.accepted("much").slice(0, 70);
  expect(await metric(director, "notifications_dropped_total")).toBe(70);
  const logged = director.logs.filter(({ msg }) => msg?.startsWith("dropped"));
  expect(logged.map(({ notification }) => String(notification)).toSorted()).toEqual([...dropped].toSorted());
  expect(new Set(logged.map(({ client }) => client))).toEqual(new Set(["acme/much"]));
  const subscriber = await Subscriber.of(stack, { client: "much", transport: "websocket" });
  await subscriber.connect(stack.services[2]!);
  await subscriber.until("the rest is here", () => subscriber.received.length === 50);
  expect(subscriber.received.map(({ id }) => id)).toEqual(publisher.accepted("much").slice(70));
  await subscriber.close();
  const other = await Subscriber.of(stack, { client: "little", transport: "poll" });
  await other.connect(stack.services[2]!);
  await other.all(publisher);
  await other.close();
});
