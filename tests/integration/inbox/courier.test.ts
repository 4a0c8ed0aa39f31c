import { afterAll, beforeAll, expect, test } from "vitest";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

let stack: Stack;
let courier: Service;

beforeAll(async () => {
  stack = await startStack({ services: ["courier"], env: { INBOX_EVENTS: "*" } });
  courier = stack.services[0]!;
});

afterAll(() => stack.close());

test("a courier is ready, and describes itself", async () => {
  const document = (await (await fetch(`${courier.url}/openapi.json`)).json()) as { info: { title: string } };
  expect(document.info.title).toBe("SaaSaparilla Notifications: courier");
  expect(await (await fetch(`${courier.url}/health/ready`)).json()).toMatchObject({ ready: true });
});
