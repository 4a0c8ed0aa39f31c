import { afterAll, beforeAll, expect, test } from "vitest";
import { Dispatch } from "#tests/support/dispatch.ts";
import { startStack, type Stack } from "#tests/support/stack.ts";

let stack: Stack;
let dispatch: Dispatch;

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "dispatcher"],
    env: { TENANT_WAITING_PUBLICATIONS: "10", SWEEP_MS: "200" },
  });
  dispatch = new Dispatch(stack);
});

afterAll(async () => {
  await dispatch.close();
  await stack.close();
});

async function publish(members: object): Promise<number> {
  const token = await stack.token({ publisher: "shop" });
  const response = await fetch(`${stack.services[0]!.url}/v1/notifications`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ to: { client: "u1" }, data: 1, ...members }),
  });
  await response.body?.cancel();
  return response.status;
}

test("a tenant publishes for later up to its limit, and again when there is room; for now it may always publish", async () => {
  for (let count = 0; count < 10; count += 1) expect(await publish({ delay: 3_600 })).toBe(202);
  await expect.poll(() => publish({ delay: 3_600 }), { timeout: 20_000, interval: 200 }).toBe(429);
  expect(await publish({})).toBe(202);
  await dispatch.query("update $schema.publications set due = now() where state = 'waiting'");
  await expect.poll(() => publish({ delay: 3_600 }), { timeout: 20_000, interval: 200 }).toBe(202);
});
