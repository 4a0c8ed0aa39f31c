import { expect, test } from "vitest";
import { CallerGuard, type CallerGuardParts } from "./caller-guard.ts";
import type { Request } from "./request.ts";
import { createRegistry } from "#runtime/metrics.ts";
import type { HttpResponse } from "./response.ts";

const caller = { subject: "u1" };
const forbidden: HttpResponse = { status: 403 };
const request = (): Request => ({}) as Request;

function guardOf(identify: CallerGuardParts<typeof caller>["identify"], maxBytes = 100) {
  const registry = createRegistry("test");
  return { registry, callerGuard: new CallerGuard({ registry, identify, maxBytes }) };
}

test("a stranger is refused after its head, at once or late", async () => {
  expect(guardOf(() => forbidden).callerGuard.admit(request())).toBe(forbidden);
  expect(await guardOf(() => Promise.resolve(forbidden)).callerGuard.admit(request())).toBe(forbidden);
});

test("a known caller is admitted, and its handler has the identity", async () => {
  for (const known of [caller, Promise.resolve(caller)]) {
    const { callerGuard } = guardOf(() => known);
    const asked = request();
    expect(await callerGuard.admit(asked)).toBeUndefined();
    expect(await callerGuard.callerOf(asked)).toBe(caller);
  }
});

test("a refused body is reported with its known caller, even if known late, and without a stranger's data", async () => {
  const said: unknown[] = [];
  const refused = (_: Request, known: unknown, { status }: HttpResponse) => said.push([known, status]);
  for (const known of [caller, Promise.resolve(caller), forbidden, Promise.resolve(forbidden)]) {
    const callerGuard = new CallerGuard({ registry: createRegistry("test"), identify: () => known, refused });
    const asked = request();
    const admitted = callerGuard.admit(asked);
    callerGuard.release(asked, 0, { status: 413 });
    callerGuard.refused(asked, { status: 415 });
    await admitted;
    callerGuard.release(asked, 0);
  }
  expect(said).toEqual([413, 415, 413, 415].map((status) => [caller, status]));
});

test("the bytes of all bodies are bounded, counted, and given back", async () => {
  const { callerGuard, registry } = guardOf(() => caller);
  const [first, second] = [request(), request()];
  expect(callerGuard.grant(first, 60)).toBeUndefined();
  expect(callerGuard.grant(second, 60)).toMatchObject({ status: 503 });
  expect(await registry.metrics()).toMatch(/http_bodies_full_total(\{[^}]*\})? 1\n/);
  callerGuard.release(first, 60);
  expect(callerGuard.grant(second, 60)).toBeUndefined();
  expect(await registry.metrics()).toMatch(/http_body_bytes(\{[^}]*\})? 60\n/);
});
