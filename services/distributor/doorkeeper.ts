import { bearer, Refused, type Identity } from "@saasaparilla/shared/identity.ts";
import type { Asked, Gate } from "@saasaparilla/shared/gate.ts";
import { SUBPROTOCOL, TOKEN_SUBPROTOCOL } from "@saasaparilla/shared/frames.ts";
import { problemReply, type Reply, type Request } from "@saasaparilla/shared/http.ts";
import { clientKey, cursorTag, fromCursor, type ClientKey, type Sequence } from "@saasaparilla/shared/notification.ts";
import { jittered, problem } from "@saasaparilla/shared/problem.ts";
import type { Admission, Bound } from "./admission.ts";
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

/** What `admit` looks at: a browser sends many more. */
export const ENTRY_HEADERS = ["authorization", "sec-websocket-protocol", "last-event-id"] as const;

const BUSY: Record<Bound, string> = {
  connections: "This distributor holds as many connections as it may.",
  handovers: "Too many connections here are not live yet.",
  rate: "Too many connect here at once.",
};

export interface DoorkeeperOptions {
  gate: Gate;
  admission: Admission;
  /** That are open. */
  connections: () => number;
  metrics: DistributorMetrics;
}

/**
 * A newcomer passes three times. `closed`, before its token costs anything: where nobody comes in, nobody's token is looked at,
 * but for a poll's, which may continue a loop. `admit`: its token. `enter`, in the turn in which it is opened: only here something
 * is taken from the bucket, so that nobody without a token can empty it, and keep others out.
 */
export class Doorkeeper {
  readonly #options: DoorkeeperOptions;
  #draining = false;

  constructor(options: DoorkeeperOptions) {
    this.#options = options;
  }

  /** From now on nobody comes in. */
  drain(): void {
    this.#draining = true;
  }

  /** The answer where nobody comes in right now; it takes nothing. */
  closed(): Reply | undefined {
    const { admission, connections } = this.#options;
    return this.#draining ? this.#ending() : this.#refusal(admission.bound(performance.now(), connections()));
  }

  /** One comes in, or is refused. */
  enter(): Reply | undefined {
    const { admission, connections } = this.#options;
    return this.#draining ? this.#ending() : this.#refusal(admission.take(performance.now(), connections()));
  }

  /** R9: for one that may have been refused a moment ago, and could not read why. */
  closedOfLate(): Reply | undefined {
    if (this.#draining) return unavailable();
    const retryAfter = this.#options.admission.refused(performance.now(), Math.random());
    return retryAfter === undefined ? undefined : busy("rate", retryAfter);
  }

  /** Answered at once, but where the token's key is to be had first. */
  admit(request: Request): Entry | Reply | Promise<Entry | Reply> {
    if (this.#draining) return this.#ending();
    const offered = request.headers["sec-websocket-protocol"];
    const offers = offered === undefined ? [] : offered.split(",").map((offer) => offer.trim());
    const token =
      bearer(request.headers["authorization"]) ??
      offers.find((offer) => offer.startsWith(TOKEN_SUBPROTOCOL))?.slice(TOKEN_SUBPROTOCOL.length);
    const entryOf = (identity: Identity | Reply): Entry | Reply => {
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
    };
    const identity = this.identify(token, request);
    return identity instanceof Promise ? identity.then(entryOf) : entryOf(identity);
  }

  /** The caller behind a token, or the answer that gives nothing away. */
  identify(token: string | undefined, asked: Asked): Identity | Reply | Promise<Identity | Reply> {
    const refused = (error: unknown): Reply => {
      if (!(error instanceof Refused)) return unavailable();
      this.#options.metrics.forbade();
      return problemReply(problem(403, "forbidden", "Forbidden", "This needs a token that allows it."));
    };
    try {
      const identity = this.#options.gate.pass(token, "subscribe", asked);
      return identity instanceof Promise ? identity.catch(refused) : identity;
    } catch (error) {
      return refused(error);
    }
  }

  #refusal(bound: Bound | undefined): Reply | undefined {
    if (bound === undefined) return undefined;
    this.#options.metrics.turnedAway(bound);
    return busy(bound, this.#options.admission.refuse(performance.now(), Math.random()));
  }

  #ending(): Reply {
    this.#options.metrics.turnedAway("ending");
    return unavailable();
  }
}

function busy(bound: Bound, retryAfter: number): Reply {
  return problemReply(problem(503, "busy", "Busy", `${BUSY[bound]} Come back after Retry-After.`, { retryAfter }));
}

function unavailable(): Reply {
  return problemReply(
    problem(503, "unavailable", "Unavailable", "This distributor takes no connections right now. Try again.", {
      retryAfter: jittered(1, 5),
    }),
  );
}
