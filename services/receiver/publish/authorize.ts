import { problemOf } from "@saasaparilla/shared/http/problem.ts";
import type { Access } from "@saasaparilla/shared/auth/policies/policies.ts";
import { clientsOf } from "@saasaparilla/shared/auth/policies/authorize.ts";
import type { Gate } from "@saasaparilla/shared/auth/guard.ts";
import type { Request } from "@saasaparilla/shared/http/server.ts";
import { problemReply, retryAfterOf, type Reply } from "@saasaparilla/shared/http/response.ts";
import { bearer, Refused, TurnedAway, type Identity } from "@saasaparilla/shared/auth/identity.ts";
import type { Patterns } from "@saasaparilla/shared/auth/policies/client-patterns.ts";
import { clientForbidden } from "#api/item-problems.ts";
import type { Item } from "./parse.ts";
import type { ReceiverMetrics } from "#metrics.ts";

export interface AuthorizerParts {
  gate: Gate;
  access: Access;
  metrics: Pick<ReceiverMetrics, "refused" | "limited">;
}

/** A caller who is refused is told only that. */
export class Authorizer {
  readonly #parts: AuthorizerParts;

  constructor(parts: AuthorizerParts) {
    this.#parts = parts;
  }

  /** Who publishes, or the answer that gives nothing away: before the body is read, so that nobody's takes the place of those who may. */
  identify(request: Request): Identity | Reply | Promise<Identity | Reply> {
    const { gate, metrics } = this.#parts;
    const refused = (error: unknown): Reply => {
      if (error instanceof TurnedAway) {
        metrics.limited("address");
        return this.#refusal("rate-limited", error.message, error.retryAfter);
      }
      if (!(error instanceof Refused))
        return this.#refusal("unavailable", "Your token cannot be checked at the moment.", retryAfterOf(error));
      return this.#refusal("forbidden", "This needs a token that allows publishing.");
    };
    try {
      const identity = gate.pass(bearer(request.headers.authorization), "publish", request);
      return identity instanceof Promise ? identity.catch(refused) : identity;
    } catch (error) {
      return refused(error);
    }
  }

  /** To whom a caller may publish; undefined is everybody of its tenant. */
  clientsOf(caller: Identity): Patterns | undefined {
    return clientsOf(this.#parts.access, caller);
  }

  #refusal(slug: "rate-limited" | "unavailable" | "forbidden", detail: string, retryAfter?: number): Reply {
    this.#parts.metrics.refused(slug);
    return problemReply(problemOf(slug, detail, retryAfter === undefined ? {} : { retryAfter }));
  }
}

/** What is for a client that this caller may not name is refused, and the rest goes on. */
export function forbid(items: readonly Item[], clients: Patterns): void {
  for (const item of items) {
    const client = item.published?.to.client;
    if (client === undefined || item.outcome !== "open" || clients.has(client)) continue;
    item.outcome = clientForbidden(item);
    item.published = undefined;
  }
}
