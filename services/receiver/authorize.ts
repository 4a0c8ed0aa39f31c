import type { Askers } from "@saasaparilla/shared/askers.ts";
import { networkOf } from "@saasaparilla/shared/caller.ts";
import type { Access } from "@saasaparilla/shared/access.ts";
import { clientsOf } from "@saasaparilla/shared/decide.ts";
import { messageOf } from "@saasaparilla/shared/errors.ts";
import type { Gate } from "@saasaparilla/shared/gate.ts";
import type { Request } from "@saasaparilla/shared/http.ts";
import { problemReply, type Reply } from "@saasaparilla/shared/reply.ts";
import { bearer, Refused, type Identity } from "@saasaparilla/shared/identity.ts";
import type { Patterns } from "@saasaparilla/shared/patterns.ts";
import { jittered } from "@saasaparilla/shared/problem.ts";
import type { Item } from "./parse.ts";
import type { ReceiverMetrics } from "./metrics.ts";
import { problemOf, Refusal } from "./problems.ts";

export interface AuthorizerParts {
  gate: Gate;
  access: Access;
  metrics: Pick<ReceiverMetrics, "refused" | "limited">;
  /** How often an address is refused. */
  strangers: Askers;
}

/** Who publishes, and to whom it may; undefined is everybody of its tenant. */
export interface Caller {
  identity: Identity;
  clients: Patterns | undefined;
}

/** A caller who is refused is told only that. */
export class Authorizer {
  readonly #parts: AuthorizerParts;

  constructor(parts: AuthorizerParts) {
    this.#parts = parts;
  }

  async authorize(request: Request): Promise<Caller> {
    const { gate, access, strangers, metrics } = this.#parts;
    // A signature that is checked in vain costs more than anything else here.
    const network = networkOf(request.address);
    const retryAfter = strangers.spent(network, performance.now());
    if (retryAfter !== undefined) {
      metrics.limited("address");
      throw new Refusal(problemOf("rate-limited", "Too much from this address was refused.", { retryAfter }));
    }
    try {
      const identity = await gate.pass(bearer(request.headers.authorization), "publish", request);
      return { identity, clients: clientsOf(access, identity) };
    } catch (error) {
      if (!(error instanceof Refused)) {
        const detail = `Tokens cannot be checked: ${messageOf(error)}`;
        throw new Refusal(problemOf("unavailable", detail, { retryAfter: jittered(1, 5) }));
      }
      strangers.late(network, performance.now());
      throw new Refusal(problemOf("forbidden", FORBIDDEN));
    }
  }

  /** The answer to a request without a token. */
  refuse(request: Request): Reply {
    this.#parts.gate.refuse("no token was sent", "publish", request);
    this.#parts.metrics.refused("forbidden");
    return problemReply(problemOf("forbidden", FORBIDDEN));
  }
}

const FORBIDDEN = "This needs a token that allows publishing.";

/** What is for a client that this caller may not name is refused, and the rest goes on. */
export function forbid(items: readonly Item[], clients: Patterns): void {
  for (const item of items) {
    const client = item.published?.to.client;
    if (client === undefined || item.outcome !== "open" || clients.has(client)) continue;
    const error = {
      pointer: `${item.pointer}/to/client`,
      ...(item.line && { line: item.line }),
      detail: "This token or key may not publish to this client.",
      expected: "a client that one of its patterns fits",
      fix: "Use another key, or ask whoever gave you this one to widen it.",
    };
    item.outcome = problemOf("client-forbidden", undefined, { errors: [error] });
    item.published = undefined;
  }
}
