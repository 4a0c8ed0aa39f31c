import { problemResponse, unavailable as notAvailable, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { problemOf } from "@saasaparilla/shared/http/problem.ts";

export { Refusal, wrongBody, wrongPath, wrongQuery } from "@saasaparilla/shared/http/refusal.ts";

export const notFound = (what: string): HttpResponse => problemResponse(problemOf("not-found", `There is no ${what}.`));

export const conflict = (detail: string): HttpResponse => problemResponse(problemOf("conflict", detail));

export const upgradeUnfinished = (needed: number, present: number): HttpResponse =>
  problemResponse(
    problemOf(
      "upgrade-unfinished",
      `This document needs format ${needed}, and the platform has ${present}. Nothing was changed.`,
      { retryAfter: 60 },
    ),
  );

export const unavailable = (detail: string): HttpResponse => notAvailable(`${detail} Try again.`);

/** A 403 that says why. Only for callers that are identified: a stranger learns nothing (R2). */
export const notAllowed = (detail: string): HttpResponse => {
  const fix = "Sign in again, or ask an operator of the platform for the role.";
  return problemResponse({ ...problemOf("forbidden", detail), fix });
};
