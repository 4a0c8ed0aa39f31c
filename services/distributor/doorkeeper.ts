import { bearer, Refused, type Identities, type Identity } from "@saasaparilla/shared/identity.ts";
import { SUBPROTOCOL, TOKEN_SUBPROTOCOL } from "@saasaparilla/shared/frames.ts";
import { problemReply, type Reply, type Request } from "@saasaparilla/shared/http.ts";
import type { Log } from "@saasaparilla/shared/log.ts";
import { clientKey, cursorTag, fromCursor, type ClientKey, type Sequence } from "@saasaparilla/shared/notification.ts";
import { jittered, problem } from "@saasaparilla/shared/problem.ts";
import type { DistributorMetrics } from "./metrics.ts";

/** Who comes in, as whom, and from which cursor. */
export interface Entry {
  key: ClientKey;
  identity: Identity;
  /** Undefined where none was sent, or it is none of this client's: the connection begins at the start (R4). */
  cursor: Sequence | undefined;
  /** The client promises to acknowledge by itself (R21). */
  explicitAck: boolean;
  /** The client offered our subprotocol, and is to be answered with it. */
  offered: boolean;
}

export class Doorkeeper {
  readonly #identities: Identities;
  readonly #metrics: DistributorMetrics;
  readonly #log: Log;
  #draining = false;

  constructor(identities: Identities, metrics: DistributorMetrics, log: Log) {
    this.#identities = identities;
    this.#metrics = metrics;
    this.#log = log;
  }

  /** From now on nobody comes in. */
  drain(): void {
    this.#draining = true;
  }

  async admit(request: Request): Promise<Entry | Reply> {
    if (this.#draining) return unavailable();
    const offers = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((offer) => offer.trim());
    const token =
      bearer(request.headers["authorization"]) ??
      offers.find((offer) => offer.startsWith(TOKEN_SUBPROTOCOL))?.slice(TOKEN_SUBPROTOCOL.length);
    const identity = await this.identify(token, request);
    if ("status" in identity) return identity;
    const key = clientKey(identity.tenant, identity.subject);
    const sent = request.headers["last-event-id"] ?? request.query.get("cursor") ?? "";
    return {
      key,
      identity,
      cursor: fromCursor(sent, cursorTag(key)),
      explicitAck: request.query.get("ack") === "explicit",
      offered: offers.includes(SUBPROTOCOL),
    };
  }

  /** The caller behind a token, or the answer that gives nothing away. */
  async identify(
    token: string | undefined,
    { path, address }: Pick<Request, "path" | "address">,
  ): Promise<Identity | Reply> {
    try {
      return await this.#identities.authorize(token, "subscribe");
    } catch (error) {
      if (!(error instanceof Refused)) {
        this.#log.error({ err: error, path }, "tokens cannot be checked");
        return unavailable();
      }
      this.#metrics.forbade();
      this.#log.warn({ path, address, why: error.message }, "forbidden");
      return problemReply(problem(403, "forbidden", "Forbidden", "This needs a token that allows it."));
    }
  }
}

function unavailable(): Reply {
  return problemReply(
    problem(503, "unavailable", "Unavailable", "This distributor takes no connections right now. Try again.", {
      retryAfter: jittered(1, 5),
    }),
  );
}
