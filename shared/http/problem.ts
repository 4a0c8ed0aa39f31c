import { PROBLEM_TYPES, type ProblemName } from "./problem-types.ts";

/** Problem details (RFC 9457), with members that say how to fix the request. */
export interface Problem {
  /** A relative reference to the documentation of this kind of problem. */
  type: string;
  title: string;
  status: number;
  detail: string;
  /** How to fix the request. Each of `errors` says more. */
  fix?: string;
  /** The first MOST_ERRORS errors, each with a JSON pointer (RFC 6901) into the request body. */
  errors?: ProblemError[];
  /** The number of errors, if it is larger than that of `errors`. */
  errorCount?: number;
  /** Seconds; also sent as Retry-After. */
  retryAfter?: number;
  /** Names this refusal: operators find its reason under it for some days. */
  instance?: string;
}

export interface ProblemError {
  /** RFC 6901; "" is the whole document. */
  pointer: string;
  /** The line number, from 1, if each line is a separate document (NDJSON). */
  line?: number;
  /** The name of the header, if the value is in one. The pointer is then "". */
  header?: string;
  /** The error. */
  detail: string;
  /** What was expected. */
  expected: string;
  /** How to fix it. */
  fix: string;
}

/** Limit of errors in one answer: a small request must not cause a large answer. */
export const MOST_ERRORS = 20;

export function problemOf(
  name: ProblemName,
  detail: string = PROBLEM_TYPES[name].about,
  {
    errors = [],
    errorCount = errors.length,
    ...more
  }: Partial<Pick<Problem, "status" | "errors" | "errorCount" | "retryAfter">> = {},
): Problem {
  const { status, title, fix } = PROBLEM_TYPES[name];
  return { type: `/problems/${name}`, title, status, detail, fix, ...more, ...bounded(errors, errorCount) };
}

/** The members of an answer for this number of errors. */
export function bounded(errors: readonly ProblemError[], count: number): Pick<Problem, "errors" | "errorCount"> {
  if (count === 0) return {};
  const listed = errors.slice(0, MOST_ERRORS);
  return { errors: listed, ...(count > listed.length && { errorCount: count }) };
}

export function nameOf({ type }: Problem): ProblemName {
  return type.slice("/problems/".length) as ProblemName;
}

/** A part of a request for an error text, shortened if it is long. */
export function shorten(text: string, most = 80): string {
  return text.length > most ? `${text.slice(0, most - 3)}...` : text;
}

/** Seconds between low and high, so that refused clients do not all return at once. */
export function jittered(low: number, high: number, random: () => number = Math.random): number {
  return Math.ceil(low + (high - low) * random());
}
