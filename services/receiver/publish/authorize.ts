import { problemOf } from "@saasaparilla/shared/http/problem.ts";
import type { Policies } from "@saasaparilla/shared/auth/policies/policies.ts";
import { clientsOf } from "@saasaparilla/shared/auth/policies/authorize.ts";
import type { Guard } from "@saasaparilla/shared/auth/guard.ts";
import type { Request } from "@saasaparilla/shared/http/request.ts";
import { problemResponse, retryAfterOf, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { bearer, Refused, TurnedAway, type Identity } from "@saasaparilla/shared/auth/identity.ts";
import type { ClientPatterns } from "@saasaparilla/shared/auth/policies/client-patterns.ts";
import { clientForbidden } from "#api/item-problems.ts";
import type { Item } from "./parse.ts";
import type { ReceiverMetrics } from "#metrics.ts";

export interface AuthorizerParts {
  guard: Guard;
  policies: Policies;
  metrics: Pick<ReceiverMetrics, "refused" | "limited">;
}

/** A caller who is refused is told only that. */
export class Authorizer {
  readonly #parts: AuthorizerParts;

  constructor(parts: AuthorizerParts) {
    this.#parts = parts;
  }

  /** Who publishes, or the answer that gives nothing away: before the body is read, so that nobody's takes the place of those who may. */
  identify(request: Request): Identity | HttpResponse | Promise<Identity | HttpResponse> {
    const { guard, metrics } = this.#parts;
    const refused = (error: unknown): HttpResponse => {
      if (error instanceof TurnedAway) {
        metrics.limited("address");
        return this.#refusal("rate-limited", error.message, error.retryAfter);
      }
      if (!(error instanceof Refused))
        return this.#refusal("unavailable", "Your token cannot be checked at the moment.", retryAfterOf(error));
      return this.#refusal("forbidden", "This needs a token that allows publishing.");
    };
    try {
      const identity = guard.pass(bearer(request.headers.authorization), "publish", request);
      return identity instanceof Promise ? identity.catch(refused) : identity;
    } catch (error) {
      return refused(error);
    }
  }

  /** To whom a caller may publish; undefined is everybody of its tenant. */
  clientsOf(caller: Identity): ClientPatterns | undefined {
    return clientsOf(this.#parts.policies, caller);
  }

  #refusal(slug: "rate-limited" | "unavailable" | "forbidden", detail: string, retryAfter?: number): HttpResponse {
    this.#parts.metrics.refused(slug);
    return problemResponse(problemOf(slug, detail, retryAfter === undefined ? {} : { retryAfter }));
  }
}

/** What is for a client that this caller may not name is refused, and the rest goes on. */
export function forbid(items: readonly Item[], clients: ClientPatterns): void {
  for (const item of items) {
    const client = item.published?.to.client;
    if (client === undefined || item.outcome !== "open" || clients.has(client)) continue;
    item.outcome = clientForbidden(item);
    item.published = undefined;
  }
}
