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

test("a known caller is admitted, at once or late", async () => {
  expect(guardOf(() => caller).callerGuard.admit(request())).toBe(caller);
  expect(await guardOf(() => Promise.resolve(caller)).callerGuard.admit(request())).toBe(caller);
});

test("a refused body is reported with its caller", () => {
  const said: unknown[] = [];
  const refused = (_: Request, known: unknown, { status }: HttpResponse) => said.push([known, status]);
  const callerGuard = new CallerGuard({ registry: createRegistry("test"), identify: () => caller, refused });
  callerGuard.release(request(), caller, 0, { status: 413 });
  callerGuard.refused(request(), caller, { status: 415 });
  callerGuard.release(request(), caller, 0);
  expect(said).toEqual([413, 415].map((status) => [caller, status]));
});

test("the bytes of all bodies are bounded, counted, and given back", async () => {
  const { callerGuard, registry } = guardOf(() => caller);
  expect(callerGuard.grant(caller, 60)).toBeUndefined();
  expect(callerGuard.grant(caller, 60)).toMatchObject({ status: 503 });
  expect(await registry.metrics()).toMatch(/http_bodies_full_total(\{[^}]*\})? 1\n/);
  callerGuard.release(request(), caller, 60);
  expect(callerGuard.grant(caller, 60)).toBeUndefined();
  expect(await registry.metrics()).toMatch(/http_body_bytes(\{[^}]*\})? 60\n/);
});
