import { problemOf, type Problem } from "@saasaparilla/shared/http/problem.ts";
import type { ProblemName } from "@saasaparilla/shared/http/problem-types.ts";

/** Ends the whole request. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly problem: Problem;
  /** Sent with the answer. */
  readonly headers: Record<string, string> | undefined;

  constructor(problem: Problem, headers?: Record<string, string>) {
    super(problem.detail);
    this.problem = problem;
    this.headers = headers;
  }
}

export function refuse(
  name: ProblemName,
  detail?: string,
  more?: Pick<Problem, "errors" | "errorCount" | "retryAfter">,
): never {
  throw new Refusal(problemOf(name, detail, more));
}
