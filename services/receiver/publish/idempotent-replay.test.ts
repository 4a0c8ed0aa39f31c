import { problemOf } from "@saasaparilla/shared/http/problem.ts";
import type { Redis } from "@saasaparilla/shared/redis/client.ts";
import { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { expect, onTestFinished, test, vi } from "vitest";
import { Idempotency, PENDING_MS } from "./idempotency.ts";
import { parse } from "./parse.ts";
import { Repeats } from "./idempotent-replay.ts";

const LIMITS = { MAX_DATA_BYTES: 1_000, MAX_BATCH_ITEMS: 10 };
const BODY = Buffer.from(
  '[{"to":{"client":"a"},"data":1},{"to":{"client":"b"},"data":2,"id":"3f0e7a52-6c1d-4f4b-9a57-0f5f6d1c2b3a"}]',
);

/** A receiver's calls to Redis. tests/integration/publishing/repeats.test.ts shows the answers of a real one. */
function startRepeats() {
  const said: string[] = [];
  const say = (name: string) => (): Promise<null> => {
    said.push(name);
    return Promise.resolve(null);
  };
  const redis = { status: "ready", set: say("set"), get: say("get"), unlink: say("unlink") } as unknown as Redis;
  const options = { REPEAT_WAIT_MS: 200, IDEMPOTENCY_SECONDS: 60 };
  const idempotency = new Idempotency(redis, new Keys("n"), { unguarded: () => said.push("unguarded") }, options);
  return { said, idempotency, repeats: new Repeats(idempotency) };
}

test("a request without key or id makes no Redis call; one with both makes two, for any number of items", async () => {
  const { said, idempotency, repeats } = startRepeats();
  const plain = parse("application/json", BODY, LIMITS).slice(0, 1);
  repeats.conclude(plain, await repeats.reserve(plain, "acme", undefined));
  expect(said).toEqual([]);
  const items = parse("application/json", BODY, LIMITS);
  await repeats.reserve(items, "acme", idempotency.ofKey("k", "application/json", BODY));
  expect(said).toEqual(["set", "set"]);
});

test("a reservation that expired while the receiver stalled is left alone: another may own it", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  for (const [outcome, late, expected] of [
    ["accepted", 0, ["set", "set"]],
    ["accepted", PENDING_MS, []],
    [problemOf("client-full"), 0, ["unlink", "unlink"]],
    [problemOf("client-full"), PENDING_MS, []],
    [problemOf("outcome-unknown"), 0, []],
  ] as const) {
    const { said, idempotency, repeats } = startRepeats();
    const items = parse("application/json", BODY, LIMITS);
    const reservation = await repeats.reserve(items, "acme", idempotency.ofKey("k", "application/json", BODY));
    said.length = 0;
    await vi.advanceTimersByTimeAsync(late);
    for (const item of items) item.outcome = outcome;
    repeats.conclude(items, reservation);
    expect(said).toEqual(expected);
  }
});
