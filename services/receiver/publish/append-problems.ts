import { jittered, problemOf, type Problem } from "@saasaparilla/shared/http/problem.ts";

/** It is not in Kafka, and never will be. */
export function unavailable(): Problem {
  return problemOf("unavailable", undefined, { retryAfter: jittered(1, 5) });
}

export function unknownOutcome(): Problem {
  return problemOf("outcome-unknown", undefined, { retryAfter: jittered(1, 5) });
}
