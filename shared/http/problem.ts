import { PROBLEM_TYPES, type ProblemName } from "./problem-types.ts";

/** Problem details as RFC 9457 has them, with members that say how to mend the request. */
export interface Problem {
  /** A relative reference to the documentation of this kind of problem. */
  type: string;
  title: string;
  status: number;
  detail: string;
  /** How to mend the request; where `errors` are given, each says more. */
  fix?: string;
  /** The wrong places, each by JSON pointer (RFC 6901) into what was sent: the first MOST_ERRORS. */
  errors?: ProblemError[];
  /** How many errors there are, if that is more than `errors` has. */
  errorCount?: number;
  /** Seconds; also sent as Retry-After. */
  retryAfter?: number;
}

export interface ProblemError {
  /** RFC 6901; "" is the whole document. */
  pointer: string;
  /** Where each line is a document of its own (NDJSON): which, from 1. */
  line?: number;
  /** What was wrong. */
  detail: string;
  /** What was expected. */
  expected: string;
  /** How to fix it. */
  fix: string;
}

/** An answer has no more of them: a small request must not make a large answer. */
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

/** What an answer says of so many errors. */
export function bounded(errors: readonly ProblemError[], count: number): Pick<Problem, "errors" | "errorCount"> {
  if (count === 0) return {};
  const listed = errors.slice(0, MOST_ERRORS);
  return { errors: listed, ...(count > listed.length && { errorCount: count }) };
}

export function nameOf({ type }: Problem): ProblemName {
  return type.slice("/problems/".length) as ProblemName;
}

/** What a request said, for an error text: a part of it where it is long. */
export function shorten(text: string, most = 80): string {
  return text.length > most ? `${text.slice(0, most - 3)}...` : text;
}

/** Seconds between low and high, so that refused clients do not come back at once together. */
export function jittered(low: number, high: number, random: () => number = Math.random): number {
  return Math.ceil(low + (high - low) * random());
}
