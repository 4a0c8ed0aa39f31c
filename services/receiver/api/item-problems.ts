import { problemOf, type Problem, type ProblemError } from "@saasaparilla/shared/http/problem.ts";
import type { ProblemName } from "@saasaparilla/shared/http/problem-types.ts";
import type { Target } from "@saasaparilla/shared/protocol/publication.ts";

/** An item's position in the request, for pointers. In NDJSON it includes the line, from 1. */
export interface Place {
  pointer: string;
  line: number | undefined;
  /** The place of a member in a request whose members have other names: an event of CloudEvents. */
  names?: ((member: string) => Pick<ProblemError, "pointer" | "header">) | undefined;
}

// Problems of one item. Each depends on the item alone, so a repeat gets the same text.

const CLIENT = {
  detail: "Your token or key may not publish to this client.",
  expected: "a client that matches one of its patterns",
  fix: "Use another token or key, or ask your tenant's operator to allow this client.",
};

export function clientForbidden(item: Place): Problem {
  return pointed("client-forbidden", item, "/to/client", CLIENT);
}

/** `indexes`: of the clients that it may not name. */
export function clientsForbidden(item: Place, indexes: readonly number[]): Problem {
  const errors = indexes.flatMap((index) => pointed("client-forbidden", item, `/to/clients/${index}`, CLIENT).errors!);
  return problemOf("client-forbidden", undefined, { errors });
}

/** The publisher's rights were widened between a request and its repeat. */
export function forbiddenBefore(
  name: "client-forbidden" | "target-forbidden",
  item: Place,
  to: Target | undefined,
): Problem {
  const [kind] = Object.keys(to ?? {});
  if (name === "client-forbidden") return pointed(name, item, `/to/${kind ?? "client"}`, CLIENT);
  return targetForbidden(item, kind === undefined ? "/to" : `/to/${kind}`);
}

/** `member`: the pointer to the name of the target in the item, as `/to/queue` or `/outcomes`. */
export function targetForbidden(item: Place, member: string): Problem {
  return pointed("target-forbidden", item, member, {
    detail: "Your token or key may not publish to this target.",
    expected: "a queue, group or exchange that matches one of its `targets`",
    fix: "Use another token or key, or ask your tenant's operator to allow this target.",
  });
}

export function unknownTarget(item: Place, member: string): Problem {
  return pointed("unknown-target", item, member, {
    detail: "Your tenant has no queue, group or exchange of this name.",
    expected: "the name of an existing target",
    fix: "Correct the name, or ask your tenant's operator to create the target.",
  });
}

/** The platform may not write this form yet. */
export function upgradeUnfinished(item: Place, member: string): Problem {
  return pointed("upgrade-unfinished", item, member, {
    detail: "The platform's upgrade is not finished: services of the previous version may still run.",
    expected: "only members that the previous version knows",
    fix: "Ask the operator of the platform to run `provision --finish-upgrade`, then send it again.",
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
  { pointer, line, names }: Place,
  member: string,
  more: Omit<ProblemError, "pointer" | "line" | "header">,
): Problem {
  const place = names ? names(member) : { pointer: pointer + member };
  return problemOf(slug, undefined, { errors: [{ ...place, ...(line && { line }), ...more }] });
}
