import { MOST_ERRORS, problemOf, shorten } from "./problem.ts";
import { problemResponse, type HttpResponse } from "./response.ts";

/** Ends a request with its answer. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly response: HttpResponse;

  constructor(response: HttpResponse) {
    super(`answered ${response.status}`);
    this.response = response;
  }
}

export const wrongPath = (part: string): HttpResponse => wrongValue(`The ${part} in the path has an invalid form.`);

export const wrongQuery = (name: string, expected: string): HttpResponse => wrongValue(`${name} must be ${expected}.`);

const wrongValue = (detail: string): HttpResponse =>
  problemResponse(problemOf("invalid-value", detail, { status: 400 }));

interface Issue {
  path: readonly PropertyKey[];
  message: string;
  /** `value`: the shape is right, and a value is wrong. */
  params?: Record<string, unknown> | undefined;
}

export function wrongBody(issues: readonly Issue[]): HttpResponse {
  const errors = issues.slice(0, MOST_ERRORS).map(({ path, message }) => ({
    pointer: shorten(path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""), 500),
    // The message names each unknown member.
    detail: shorten(message, 500),
    expected: "a value that fits the schema in /openapi.json",
    fix: "Correct it and send the request again. Nothing was changed.",
  }));
  const detail = "The body does not have the expected form.";
  const name = issues.every(({ params }) => params?.value === true) ? "invalid-value" : "invalid-shape";
  return problemResponse(problemOf(name, detail, { errors, errorCount: issues.length }));
}
