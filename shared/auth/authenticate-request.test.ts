import { expect, test } from "vitest";
import type { HttpResponse } from "#http/response.ts";
import { Failure } from "#runtime/errors.ts";
import { authenticateRequest, type RefusedAs } from "./authenticate-request.ts";
import { Refused, TurnedAway, type Identity } from "./identity.ts";

const identity = { tenant: "acme", subject: "u1" } as Identity;

test("an accepted caller is answered unchanged, at once or late", async () => {
  expect(authenticateRequest(() => identity, {})).toBe(identity);
  expect(await authenticateRequest(() => Promise.resolve(identity), {})).toBe(identity);
});

test.each<[Error, RefusedAs, number, [number, number] | undefined]>([
  [new Refused("the signature is wrong"), "forbidden", 403, undefined],
  [new TurnedAway(7), "rate-limited", 429, [7, 7]],
  [new Failure("retry", "Redis is away."), "unavailable", 503, [1, 5]],
  [new Failure("retry", "Its key is unknown.", { retryAfter: 10 }), "unavailable", 503, [10, 15]],
])("%s is answered as %s, thrown or rejected", async (error, as, status, wait) => {
  for (const pass of [
    () => {
      throw error;
    },
    () => Promise.reject<Identity>(error),
  ]) {
    const counted: RefusedAs[] = [];
    const answer = (await authenticateRequest(pass, {
      forbidden: "Send a token or key that allows publishing.",
      refused: (how) => counted.push(how),
    })) as HttpResponse;
    expect([answer.status, counted]).toEqual([status, [as]]);
    const problem = JSON.parse(String(answer.body)) as { type: string; detail: string; retryAfter?: number };
    expect(problem.type).toBe(`/problems/${as}`);
    // R2: the reason would reveal to a stranger whether a token is good.
    expect(problem.detail).not.toContain("signature");
    expect(wait === undefined || (problem.retryAfter! >= wait[0] && problem.retryAfter! <= wait[1])).toBe(true);
  }
});
