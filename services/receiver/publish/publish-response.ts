import { bounded, MOST_ERRORS, nameOf, type Problem } from "@saasaparilla/shared/http/problem.ts";
import type { ProblemName } from "@saasaparilla/shared/http/problem-types.ts";
import { problemResponse, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import type { Item } from "./item.ts";

/**
 * If nothing was accepted, the first problem of this list decides the answer: temporary problems come before those to
 * fix.
 */
const FIRST: ProblemName[] = [
  "outcome-unknown",
  "unavailable",
  "upgrade-unfinished",
  "busy",
  "in-progress",
  "tenant-full",
  "client-full",
  "not-json",
  "invalid-shape",
  "too-large",
  "invalid-value",
  "id-reused",
  "unknown-target",
  "target-forbidden",
  "client-forbidden",
];

export interface Count {
  accepted: number;
  repeated: number;
}

export function count(items: readonly Item[]): Count {
  const counted = { accepted: 0, repeated: 0 };
  for (const { outcome } of items) if (typeof outcome === "string" && outcome !== "open") counted[outcome] += 1;
  return counted;
}

/** 202 with every item's verdict. If none was accepted, one problem with every error. */
export function publishResponse(items: readonly Item[], { accepted, repeated }: Count): HttpResponse {
  const taken = accepted + repeated;
  if (taken === 0) return refusal(items);
  const budget = { errors: MOST_ERRORS };
  const verdicts = items.map((item) => verdict(item, budget)).join(",");
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (accepted === 0) headers["idempotency-replayed"] = "true";
  return {
    status: 202,
    headers,
    body: `{"accepted":${taken},"rejected":${items.length - taken},"items":[${verdicts}]}`,
  };
}

/** `budget`: the number of errors that one answer lists. Beyond it, an item reports only its error count. */
function verdict({ index, id, outcome }: Item, budget: { errors: number }): string {
  if (typeof outcome === "string") return `{"index":${index},"id":"${id}"}`;
  // The id makes a retry harmless.
  const known = nameOf(outcome) === "outcome-unknown" ? `"id":"${id}",` : "";
  return `{"index":${index},${known}"problem":${JSON.stringify(within(outcome, budget))}}`;
}

function within(problem: Problem, budget: { errors: number }): Problem {
  const { errors, errorCount = errors?.length ?? 0, fix: _fix, ...short } = problem;
  if (!errors) return problem;
  if (errors.length <= budget.errors) {
    budget.errors -= errors.length;
    return problem;
  }
  budget.errors = 0;
  return { ...short, errorCount };
}

function refusal(items: readonly Item[]): HttpResponse {
  const problems = items
    .map(({ outcome }) => outcome)
    .filter((outcome): outcome is Problem => typeof outcome === "object");
  const rank = (problem: Problem): number => FIRST.indexOf(nameOf(problem));
  const first = problems.reduce((best, problem) => (rank(problem) < rank(best) ? problem : best));
  const errors = problems.flatMap((problem) => problem.errors ?? []);
  const errorCount = problems.reduce((sum, one) => sum + (one.errorCount ?? one.errors?.length ?? 0), 0);
  const whole = { ...first, ...bounded(errors, errorCount) };
  const unknown = items.filter(({ outcome }) => typeof outcome === "object" && nameOf(outcome) === "outcome-unknown");
  const response = problemResponse(whole);
  if (unknown.length === 0) return response;
  const body = {
    ...whole,
    items: unknown.map(({ index, id }) => ({ index, id })),
  };
  return { ...response, body: JSON.stringify(body), problem: body };
}
