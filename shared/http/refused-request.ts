import type { Problem } from "./problem.ts";
import type { Request } from "./request.ts";
import type { HttpResponse } from "./response.ts";

/** The parts of a refused request that a record may have. */
export type RefusedRequest = Pick<Request, "method" | "path" | "tenant">;

/** Records a refused request, and returns its name for the answer. */
export type OnRefused = (request: RefusedRequest, problem: Problem) => string;

/** The answer to a refused request, with the refusal's name. */
export function named(request: RefusedRequest, response: HttpResponse, onRefused: OnRefused | undefined): HttpResponse {
  const { problem } = response;
  if (problem === undefined || onRefused === undefined) return response;
  return { ...response, body: JSON.stringify({ ...problem, instance: onRefused(request, problem) }) };
}
