import { afterAll, beforeAll, expect, test } from "vitest";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

/** A rate so slow that nothing refills during a test. */
const RATES = { PUBLISHER_RATE: "0.001", PUBLISHER_BURST: "5", MAX_BODY_BYTES: "3000" };

let stack: Stack;
let receiver: Service;

beforeAll(async () => {
  stack = await startStack({ services: [] });
  // A Redis that answers late on a busy machine must not count as away.
  receiver = await stack.start("receiver", { ...RATES, RATE_WAIT_MS: "2000" });
});

afterAll(() => stack.close());

let names = 0;

async function publisher(): Promise<(body: string, headers?: Record<string, string>) => Promise<[number, string?]>> {
  const authorization = `Bearer ${await stack.token({ publisher: `refused-${(names += 1)}` })}`;
  return async (body, headers = {}) => {
    const init = { method: "POST", headers: { authorization, "content-type": "application/json", ...headers }, body };
    const response = await fetch(`${receiver.url}/v1/notifications`, init);
    await response.text();
    const left = /"publisher";r=(\d+)/.exec(response.headers.get("ratelimit") ?? "")?.[1];
    return left === undefined ? [response.status] : [response.status, left];
  };
}

test.for([
  ["invalid JSON", "x", {}, 400],
  ["another shape", "[]", {}, 400],
  ["a byte order mark", "\ufeff{}", {}, 400],
  ["another media type", "{}", { "content-type": "text/plain" }, 415],
  ["another content encoding", "{}", { "content-encoding": "gzip" }, 415],
  ["a wrong Idempotency-Key", '{"to":{"client":"c"},"data":1}', { "idempotency-key": '"' }, 422],
  ["a wrong item", "{}", {}, 400],
] as const)("R53: %s costs the publisher's rate", async ([, body, headers, status]) => {
  const publish = await publisher();
  for (const left of ["4", "3", "2", "1", "0"]) expect(await publish(body, headers)).toEqual([status, left]);
  expect(await publish(body, headers)).toEqual([429, "0"]);
  expect(await publish('{"to":{"client":"c"},"data":1,"ttl":1}')).toEqual([429, "0"]);
});

test("R53: a refused body costs a notification for each KiB", async () => {
  const publish = await publisher();
  expect(await publish("x".repeat(2_100))).toEqual([400, "2"]);
  expect(await publish(`[{"to":{"client":"c"},"data":1,"ttl":1},{"x":"${"x".repeat(900)}"}]`)).toEqual([202, "0"]);
  const other = await publisher();
  expect(await other(`{"${"x".repeat(2_900)}":1}`)).toEqual([400, "2"]);
});

test("R53: a body that is not read to its end has a cost, too", async () => {
  const publish = await publisher();
  expect((await publish("x".repeat(200_000)))[0]).toBe(413);
  const [status, left] = await publish('{"to":{"client":"c"},"data":1,"ttl":1}');
  expect(status).toBe(202);
  // Of five tokens, one for each of the two requests.
  expect(Number(left)).toBeLessThan(4);
});
