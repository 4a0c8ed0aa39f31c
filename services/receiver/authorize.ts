import { problemReply, type Reply, type Request } from "@saasaparilla/shared/http.ts";
import { bearer, Refused, type Identities, type Identity } from "@saasaparilla/shared/identity.ts";
import type { Log } from "@saasaparilla/shared/log.ts";
import type { ReceiverMetrics } from "./metrics.ts";
import { problemOf, Refusal } from "./problems.ts";

/** A caller who is refused is told only that; why is one line in the log for each attempt, never with the token. */
export class Authorizer {
  readonly #identities: Identities;
  readonly #log: Log;
  readonly #metrics: Pick<ReceiverMetrics, "refused">;

  constructor(identities: Identities, log: Log, metrics: Pick<ReceiverMetrics, "refused">) {
    this.#identities = identities;
    this.#log = log;
    this.#metrics = metrics;
  }

  async authorize(request: Request): Promise<Identity> {
    const token = bearer(request.headers.authorization);
    try {
      return await this.#identities.authorize(token, "publish");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#note(request, error.message, token);
      throw new Refusal(problemOf("forbidden", FORBIDDEN));
    }
  }

  /** The answer to a request without a token. */
  refuse(request: Request): Reply {
    this.#note(request, "no token was sent", undefined);
    this.#metrics.refused("forbidden");
    return problemReply(problemOf("forbidden", FORBIDDEN));
  }

  #note({ method, path, address }: Request, why: string, token: string | undefined): void {
    this.#log.warn({ why, claims: claimed(token), address, method, path }, "refused");
  }
}

const FORBIDDEN = "This needs a token that allows publishing.";

/** Who the token says that it is from, believed by nobody: to find its sender. */
function claimed(token: string | undefined): { tenant?: string; sub?: string } | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token?.split(".")[1] ?? "", "base64url").toString()) as Record<
      string,
      unknown
    >;
    return { tenant: text(claims.tenant), sub: text(claims.sub) };
  } catch {
    return undefined;
  }
}

function text(claim: unknown): string {
  return typeof claim === "string" ? claim.slice(0, 128) : "";
}
