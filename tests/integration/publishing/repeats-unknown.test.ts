import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { connectRedis, redisReady, type Redis } from "@saasaparilla/shared/redis/client.ts";
import { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { storeSettings } from "@saasaparilla/shared/settings.ts";
import { readSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { startKafkaProxy, type TcpProxy } from "#tests/support/tcp-proxy.ts";
import { client, item, newKey, publishRequests, replayed, verdicts } from "#tests/support/publish-requests.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

/** R51: a receiver that does not know the outcome, because Kafka does not answer or the receiver dies first. */
let stack: Stack;
let receiver: Service;
let token: string;
let redis: Redis;
let proxy: TcpProxy;

beforeAll(async () => {
  stack = await startStack({ services: ["receiver"], env: { REPEAT_WAIT_MS: "2000" } });
  receiver = stack.services[0]!;
  token = await stack.token({ publisher: "shop" });
  redis = connectRedis(readSettings(storeSettings, stack.env), createLog("test", "warn"), new Health([]));
  await redisReady(redis);
  proxy = await startKafkaProxy(stack.env.KAFKA_BROKERS!);
});

afterAll(async () => {
  redis.disconnect();
  await stack.close();
  await proxy.close();
});

const { publish, acceptedFor, dataFor } = publishRequests(() => ({ stack, receiver, token }));

test("R51: an unknown outcome is not retried while its send may be under way, then retried under the same id", async () => {
  const behind = await stack.start("receiver", { KAFKA_BROKERS: proxy.address });
  const [to, id, headers] = [client(), randomUUID(), newKey()];
  await publish(item(to, 1, { id }));
  const body = [item(to, 1, { id }), item(to, 2)];
  await proxy.set("deaf");
  const first = await publish(body, { to: behind, headers });
  expect([first.status, verdicts(first)]).toEqual([202, [id, "outcome-unknown"]]);
  const unknown = first.body.items[1].id;
  await proxy.set("pass");
  await behind.ready();
  const early = await publish(body, { headers });
  expect([early.status, verdicts(early), replayed(early)]).toEqual([202, [id, "in-progress"], "true"]);
  expect(early.body.items[1].problem.retryAfter).toBeGreaterThan(0);
  await expect.poll(async () => verdicts(await publish(body, { headers }))[1]).not.toBe("in-progress");
  const later = await publish(body, { headers });
  expect([verdicts(later), replayed(later)]).toEqual([[id, unknown], "true"]);
  expect(new Set((await acceptedFor(to)).map((one) => one.id))).toEqual(new Set([id, unknown]));
  await behind.stop();
});

test("R51: a receiver dies before the outcome: the key is free after its reservation, with the same id", async () => {
  const dying = await stack.start("receiver", { KAFKA_BROKERS: proxy.address, ANSWER_MS: "1900", STALL_MS: "1800" });
  const [to, id, headers] = [client(), randomUUID(), newKey()];
  const body = [item(to, 1), item(to, 2, { id })];
  await proxy.set("deaf");
  const cut = publish(body, { to: dying, headers }).catch(() => undefined);
  await expect.poll(() => redis.exists(new Keys(stack.namespace).publishedId("acme", id))).toBe(1);
  // A repeat, and other content under the same key or id: the first send may fail, so no refusal is final.
  const inProgress = { status: 409, body: { type: "/problems/in-progress" } };
  expect(await publish(body, { headers })).toMatchObject(inProgress);
  expect(await publish(item(to, "other"), { headers })).toMatchObject(inProgress);
  expect(await publish(item(to, "other", { id }))).toMatchObject(inProgress);
  dying.kill("SIGKILL");
  await dying.exited;
  await cut;
  await proxy.set("pass");
  await expect.poll(async () => (await publish(body, { headers })).status).toBe(202);
  // The id was reserved a moment after the key.
  await expect.poll(async () => verdicts(await publish(body, { headers }))[1]).toBe(id);
  expect(replayed(await publish(body, { headers }))).toBe("true");
  expect(await dataFor(to)).toEqual(["1", "2"]);
});
