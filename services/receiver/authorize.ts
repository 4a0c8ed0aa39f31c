import type { Access } from "@saasaparilla/shared/access.ts";
import { clientsOf } from "@saasaparilla/shared/decide.ts";
import { messageOf } from "@saasaparilla/shared/errors.ts";
import { problemReply, type Reply, type Request } from "@saasaparilla/shared/http.ts";
import { claimed, type Identities } from "@saasaparilla/shared/identities.ts";
import { bearer, Refused, type Identity } from "@saasaparilla/shared/identity.ts";
import type { Log } from "@saasaparilla/shared/log.ts";
import type { Patterns } from "@saasaparilla/shared/patterns.ts";
import { jittered } from "@saasaparilla/shared/problem.ts";
import type { Item } from "./parse.ts";
import type { ReceiverMetrics } from "./metrics.ts";
import { problemOf, Refusal } from "./problems.ts";

export interface AuthorizerParts {
  identities: Identities;
  access: Access;
  log: Log;
  metrics: Pick<ReceiverMetrics, "refused">;
}

/** Who publishes, and to whom it may; undefined is everybody of its tenant. */
export interface Caller {
  identity: Identity;
  clients: readonly Patterns[] | undefined;
}

/** A caller who is refused is told only that; why is one line in the log for each attempt, never with the token. */
export class Authorizer {
  readonly #parts: AuthorizerParts;

  constructor(parts: AuthorizerParts) {
    this.#parts = parts;
  }

  async authorize(request: Request): Promise<Caller> {
    const { identities, access, log } = this.#parts;
    const token = bearer(request.headers.authorization);
    try {
      const identity = await identities.authorize(token, "publish");
      return { identity, clients: clientsOf(access, identity) };
    } catch (error) {
      if (!(error instanceof Refused)) {
        log.error({ err: error }, "tokens cannot be checked");
        const retryAfter = jittered(1, 5);
        throw new Refusal(problemOf("unavailable", `Tokens cannot be checked: ${messageOf(error)}`, { retryAfter }));
      }
      this.#note(request, error.message, token);
      throw new Refusal(problemOf("forbidden", FORBIDDEN));
    }
  }

  /** The answer to a request without a token. */
  refuse(request: Request): Reply {
    this.#note(request, "no token was sent", undefined);
    this.#parts.metrics.refused("forbidden");
    return problemReply(problemOf("forbidden", FORBIDDEN));
  }

  #note({ method, path, address }: Request, why: string, token: string | undefined): void {
    const claims = claimed(token);
    const said = claims && { tenant: text(claims.tenant), sub: text(claims.sub) };
    this.#parts.log.warn({ why, claims: said, address, method, path }, "refused");
  }
}

const FORBIDDEN = "This needs a token that allows publishing.";

/** What is for a client that this caller may not name is refused, and the rest goes on. */
export function forbid(items: readonly Item[], clients: readonly Patterns[]): void {
  for (const item of items) {
    const client = item.published?.to.client;
    if (client === undefined || item.outcome !== "open" || clients.some((some) => some.has(client))) continue;
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

function text(claim: unknown): string {
  return typeof claim === "string" ? claim.slice(0, 128) : "";
}
