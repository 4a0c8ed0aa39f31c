import { expect, test } from "vitest";
import { CallerGuard, type CallerGuardParts } from "./caller-guard.ts";
import type { Request } from "./server.ts";
import { createRegistry } from "#runtime/metrics.ts";
import type { Reply } from "./response.ts";

const caller = { subject: "u1" };
const forbidden: Reply = { status: 403 };
const request = (): Request => ({}) as Request;

function guardOf(identify: CallerGuardParts<typeof caller>["identify"], maxBytes = 100) {
  const registry = createRegistry("test");
  return { registry, guard: new CallerGuard({ registry, identify, maxBytes }) };
}

test("a stranger is refused at its head, at once or late", async () => {
  expect(guardOf(() => forbidden).guard.admit(request())).toBe(forbidden);
  expect(await guardOf(() => Promise.resolve(forbidden)).guard.admit(request())).toBe(forbidden);
});

test("a known caller is admitted, and its handler learns who it is", async () => {
  for (const known of [caller, Promise.resolve(caller)]) {
    const { guard } = guardOf(() => known);
    const asked = request();
    expect(await guard.admit(asked)).toBeUndefined();
    expect(await guard.callerOf(asked)).toBe(caller);
  }
});

test("it says which known caller's body was refused, also when the caller is known late, and nothing of a stranger", async () => {
  const said: unknown[] = [];
  const refused = (_: Request, known: unknown, { status }: Reply) => said.push([known, status]);
  for (const known of [caller, Promise.resolve(caller), forbidden, Promise.resolve(forbidden)]) {
    const guard = new CallerGuard({ registry: createRegistry("test"), identify: () => known, refused });
    const asked = request();
    const admitted = guard.admit(asked);
    guard.release(asked, 0, { status: 413 });
    guard.refused(asked, { status: 415 });
    await admitted;
    guard.release(asked, 0);
  }
  expect(said).toEqual([413, 415, 413, 415].map((status) => [caller, status]));
});

test("the bytes of all bodies are bounded, counted, and given back", async () => {
  const { guard, registry } = guardOf(() => caller);
  const [first, second] = [request(), request()];
  expect(guard.grant(first, 60)).toBeUndefined();
  expect(guard.grant(second, 60)).toMatchObject({ status: 503 });
  expect(await registry.metrics()).toMatch(/http_bodies_full_total(\{[^}]*\})? 1\n/);
  guard.release(first, 60);
  expect(guard.grant(second, 60)).toBeUndefined();
  expect(await registry.metrics()).toMatch(/http_body_bytes(\{[^}]*\})? 60\n/);
});
