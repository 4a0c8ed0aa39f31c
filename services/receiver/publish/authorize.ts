import { authenticateRequest, type CallerAnswers } from "@saasaparilla/shared/auth/authenticate-request.ts";
import type { Policies } from "@saasaparilla/shared/auth/policies/policies.ts";
import { clientsOf } from "@saasaparilla/shared/auth/policies/authorize.ts";
import type { Guard } from "@saasaparilla/shared/auth/guard.ts";
import type { Request } from "@saasaparilla/shared/http/request.ts";
import type { HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { bearer, type Identity } from "@saasaparilla/shared/auth/identity.ts";
import type { ClientPatterns } from "@saasaparilla/shared/auth/policies/client-patterns.ts";
import { clientForbidden } from "#api/item-problems.ts";
import type { Item } from "./parse.ts";
import type { ReceiverMetrics } from "#metrics.ts";

export interface AuthorizerParts {
  guard: Guard;
  policies: Policies;
  metrics: Pick<ReceiverMetrics, "refused" | "limited">;
}

/** A refused caller learns only that it is refused. */
export class Authorizer {
  readonly #parts: AuthorizerParts;
  readonly #answers: CallerAnswers;

  constructor(parts: AuthorizerParts) {
    this.#parts = parts;
    const { metrics } = parts;
    this.#answers = {
      forbidden: "Send a token or key that allows publishing.",
      refused(as) {
        if (as === "rate-limited") metrics.limited("address");
        metrics.refused(as);
      },
    };
  }

  /**
   * The publisher, or an answer that reveals nothing. It runs before the body is read, so that unauthorized bodies take
   * no space from authorized ones.
   */
  identify(request: Request): Identity | HttpResponse | Promise<Identity | HttpResponse> {
    const { guard } = this.#parts;
    return authenticateRequest(
      () => guard.pass(bearer(request.headers.authorization), "publish", request),
      this.#answers,
    );
  }

  /** The clients that a caller may publish to; undefined means all clients of its tenant. */
  clientsOf(caller: Identity): ClientPatterns | undefined {
    return clientsOf(this.#parts.policies, caller);
  }
}

/** Refuses items for clients that this caller may not name. The rest continues. */
export function forbid(items: readonly Item[], clients: ClientPatterns): void {
  for (const item of items) {
    const client = item.published?.to.client;
    if (client === undefined || item.outcome !== "open" || clients.has(client)) continue;
    item.outcome = clientForbidden(item);
    item.published = undefined;
  }
}
