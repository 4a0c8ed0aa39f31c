import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { RedisCluster } from "#tests/support/redis-cluster.ts";
import { startStack, type Stack } from "#tests/support/stack.ts";
import { SHORT_TIMES, BackgroundTraffic } from "#tests/support/background-traffic.ts";

const PRIMARIES = [0, 1, 2];
const REPLICA = 3;
const WAIT = { timeout: 30_000, interval: 50 };

let redis: RedisCluster;
let stack: Stack;
let traffic: BackgroundTraffic | undefined;

beforeAll(async () => {
  redis = await RedisCluster.start();
  stack = await startStack({
    services: ["receiver", "director", "distributor", "distributor"],
    // A node that returns empty has lost its users, too, unless its configuration names them
    // (docs/reference/grants.md).
    roles: false,
    // One node is sufficient to find the others.
    env: { ...SHORT_TIMES, REDIS_URL: redis.nodes[2]!.url, REDIS_CLUSTER: "true" },
  });
});

afterAll(async () => {
  try {
    await stack?.close();
  } finally {
    await redis?.close();
  }
});

afterEach(() => traffic?.close());

const entries = (node: number): Promise<string[]> => redis.keys(node, `${stack.namespace}:c:*`);

test("R32, R33, R34: a Redis node fails over and another is away: nothing is lost, out of order or duplicated", async () => {
  const platform = (traffic = await BackgroundTraffic.start(stack, { clients: 60, rate: 150 }));
  await platform.flows();
  for (const node of PRIMARIES) await expect.poll(() => entries(node), WAIT).not.toEqual([]);
  await redis.nodes[0]!.kill();
  await platform.flows();
  await redis.promoted(REPLICA);
  await platform.flows();
  // Connected clients get all that is published; only some new connections wait for the node.
  await redis.nodes[1]!.kill();
  await platform.flows();
  await redis.startEmpty(1);
  await platform.flows();
  await platform.drain();
  const { violations, figures } = platform.verdict;
  expect(violations).toEqual([]);
  expect(figures.received).toBe(figures.sent);
  expect(figures.sent).toBeGreaterThan(200);
});

test("connected clients are registered again on a node that lost its data, even if the loss went unnoticed", async () => {
  const platform = (traffic = await BackgroundTraffic.start(stack, { clients: 30, rate: 30, habits: {} }));
  await platform.flows();
  const registered = async (): Promise<string[]> =>
    (await entries(2)).filter((name) => platform.steady.some((key) => name.endsWith(`:${key}}`))).sort();
  const before = await registered();
  expect(before).not.toEqual([]);
  await redis.nodes[2]!.kill();
  await redis.startEmpty(2);
  await expect.poll(registered, WAIT).toEqual(before);
  await platform.drain();
  expect(platform.verdict.violations).toEqual([]);
});
