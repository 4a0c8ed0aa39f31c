import { problemOf, type Problem, type ProblemError } from "@saasaparilla/shared/http/problem.ts";
import type { ProblemName } from "@saasaparilla/shared/http/problem-types.ts";

/** An item's position in the request, for pointers. In NDJSON it includes the line, from 1. */
export interface Place {
  pointer: string;
  line: number | undefined;
}

// Problems of one item. Each depends on the item alone, so a repeat gets the same text.

export function clientForbidden(item: Place): Problem {
  return pointed("client-forbidden", item, "/to/client", {
    detail: "Your token or key may not publish to this client.",
    expected: "a client that matches one of its patterns",
    fix: "Use another token or key, or ask your tenant's operator to allow this client.",
  });
}

export function idReused(item: Place): Problem {
  return pointed("id-reused", item, "/id", {
    detail: "An earlier notification with this id had different content.",
    expected: "a new id, or the same content as before",
    fix: "Use a new id.",
  });
}

/** The receiver's limits changed between a request and its repeat, so the original problem cannot be reproduced. */
export function refusedBefore(slug: ProblemName, item: Place): Problem {
  return pointed(slug, item, "", {
    detail: "This item was refused when you first sent the request.",
    expected: "a new request for an item that was finally refused",
    fix: "Send this item with a new Idempotency-Key.",
  });
}

export function inProgress(): Problem {
  return problemOf("in-progress", undefined, { retryAfter: 1 });
}

export function pointed(
  slug: ProblemName,
  { pointer, line }: Place,
  member: string,
  more: Omit<ProblemError, "pointer" | "line">,
): Problem {
  return problemOf(slug, undefined, { errors: [{ pointer: pointer + member, ...(line && { line }), ...more }] });
}
