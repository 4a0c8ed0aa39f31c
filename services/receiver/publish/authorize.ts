import { authenticateRequest, type CallerAnswers } from "@saasaparilla/shared/auth/authenticate-request.ts";
import type { Policies } from "@saasaparilla/shared/auth/policies/policies.ts";
import { clientsOf, refusal, targetsOf } from "@saasaparilla/shared/auth/policies/authorize.ts";
import type { Guard } from "@saasaparilla/shared/auth/guard.ts";
import type { Request } from "@saasaparilla/shared/http/request.ts";
import type { HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { bearer, type Identity } from "@saasaparilla/shared/auth/identity.ts";
import type { TargetPatterns } from "@saasaparilla/shared/auth/policies/target-patterns.ts";
import type { ClientPatterns } from "@saasaparilla/shared/auth/policies/client-patterns.ts";
import type { Problem } from "@saasaparilla/shared/http/problem.ts";
import { targetName } from "@saasaparilla/shared/protocol/target.ts";
import { clientForbidden, clientsForbidden, targetForbidden } from "#api/item-problems.ts";
import type { Published } from "./notification-schema.ts";
import type { Item } from "./item.ts";
import type { ReceiverMetrics } from "#metrics.ts";

export interface AuthorizerParts {
  guard: Guard;
  policies: Policies;
  metrics: Pick<ReceiverMetrics, "refused" | "limited">;
  /** Since 1970. */
  seconds: () => number;
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

  /** The queues, groups and exchanges that it may publish to. Undefined means none. */
  targetsOf(caller: Identity): Targets | undefined {
    return targetsOf(this.#parts.policies, caller, "publish");
  }

  /** Whether it may read the tenant's documents, and so the names of members of groups. */
  mayRead(identity: Identity): boolean {
    const { policies, seconds } = this.#parts;
    const { tenant } = identity;
    return refusal(policies, { identity, scope: "read", tenant, now: seconds() }) === undefined;
  }
}

type Targets = Pick<TargetPatterns, "has">;

export interface Rights {
  /** Undefined: all clients of the tenant. */
  clients: ClientPatterns | undefined;
  /** Called once, and only if an item names a target. Undefined: none. */
  targets: () => Targets | undefined;
}

/** Refuses items for clients and targets that this caller may not name. The rest continues. */
export function forbid(items: readonly Item[], { clients, targets }: Rights): void {
  let found: Targets | undefined;
  const mayName = (target: string): boolean => (found ??= targets() ?? NO_TARGETS).has(target);
  for (const item of items) {
    if (item.outcome !== "open" || !item.published) continue;
    const problem =
      (clients && refusedClients(item, item.published, clients)) ?? refusedTarget(item, item.published, mayName);
    if (!problem) continue;
    item.outcome = problem;
    item.published = undefined;
  }
}

const NO_TARGETS: Targets = { has: () => false };

function refusedClients(item: Item, { to }: Published, clients: ClientPatterns): Problem | undefined {
  if ("client" in to) return clients.has(to.client) ? undefined : clientForbidden(item);
  if (!("clients" in to)) return undefined;
  const refused = to.clients.flatMap((client, index) => (clients.has(client) ? [] : [index]));
  return refused.length === 0 ? undefined : clientsForbidden(item, refused);
}

/** An outcome is written to its queue as a publish to it would be. */
function refusedTarget(
  item: Item,
  { to, outcomes }: Published,
  mayName: (target: string) => boolean,
): Problem | undefined {
  const target = "client" in to ? undefined : targetName(to);
  if (target !== undefined && !mayName(target)) return targetForbidden(item, `/to/${target.split("/", 1)[0]!}`);
  if (outcomes !== undefined && !mayName(`queue/${outcomes}`)) return targetForbidden(item, "/outcomes");
  return undefined;
}
