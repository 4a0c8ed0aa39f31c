import { Failure } from "#runtime/errors.ts";
import { jittered, problemOf } from "#http/problem.ts";
import { forbidden, problemResponse, tooMany, type HttpResponse } from "#http/response.ts";
import { Refused, TurnedAway, type Identity } from "./identity.ts";

export type RefusedAs = "forbidden" | "rate-limited" | "unavailable";

export interface CallerAnswers {
  /** The detail of a 403: the rights that the token needs. It must not depend on the token (R2). */
  forbidden?: string;
  /** Counts an answer. */
  refused?: (as: RefusedAs) => void;
}

/** The caller that a guard admits, or the answer to one that it refuses. Synchronous unless a key must be fetched. */
export function authenticateRequest(
  pass: () => Identity | Promise<Identity>,
  answers: CallerAnswers,
): Identity | HttpResponse | Promise<Identity | HttpResponse> {
  try {
    const identity = pass();
    return identity instanceof Promise ? identity.catch((error: unknown) => refusedCaller(error, answers)) : identity;
  } catch (error) {
    return refusedCaller(error, answers);
  }
}

/** The answer of every service to a refused caller. The reason is only in the audit log. */
export function refusedCaller(error: unknown, answers: CallerAnswers): HttpResponse {
  if (error instanceof TurnedAway) {
    answers.refused?.("rate-limited");
    return tooMany(error.message, error.retryAfter);
  }
  if (error instanceof Refused) {
    answers.refused?.("forbidden");
    return forbidden(answers.forbidden);
  }
  // A key or a store is missing, so the token is neither good nor bad yet.
  answers.refused?.("unavailable");
  const detail = "Your token cannot be checked at the moment. Send the request again after Retry-After.";
  return problemResponse(problemOf("unavailable", detail, { retryAfter: retryAfterOf(error) }));
}

/** Seconds until a token can be checked. */
function retryAfterOf(error: unknown): number {
  const after = error instanceof Failure ? error.retryAfter : undefined;
  return after === undefined ? jittered(1, 5) : jittered(after, after + 5);
}
