/** Problem details as RFC 9457 has them, with members that say how to mend the request. */
export interface Problem {
  /** A relative reference to the documentation of this kind of problem. */
  type: string;
  title: string;
  status: number;
  detail: string;
  /** How to mend the request; where `errors` are given, each says more. */
  fix?: string;
  /** The wrong places, each by JSON pointer (RFC 6901) into what was sent. */
  errors?: ProblemError[];
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

export function problem(
  status: number,
  slug: string,
  title: string,
  detail: string,
  more: Pick<Problem, "errors" | "fix" | "retryAfter"> = {},
): Problem {
  return { type: `/problems/${slug}`, title, status, detail, ...more };
}

/** Seconds between low and high, so that refused clients do not come back at once together. */
export function jittered(low: number, high: number, random: () => number = Math.random): number {
  return Math.ceil(low + (high - low) * random());
}
