import { bearer, Refused, type Identity } from "@saasaparilla/shared/identity.ts";
import { TurnedAway, type Asked, type Gate } from "@saasaparilla/shared/gate.ts";
import { SUBPROTOCOL, TOKEN_SUBPROTOCOL } from "@saasaparilla/shared/frames.ts";
import type { Request } from "@saasaparilla/shared/http.ts";
import { problemReply, tokenInQuery, tooMany, type Reply } from "@saasaparilla/shared/reply.ts";
import { clientKey, cursorTag, fromCursor, type ClientKey, type Sequence } from "@saasaparilla/shared/notification.ts";
import { jittered, problem } from "@saasaparilla/shared/problem.ts";
import type { LimitsOf } from "@saasaparilla/shared/tenant-limits.ts";
import type { Admission, Bound } from "./admission.ts";
import type { Askers } from "@saasaparilla/shared/askers.ts";
import type { DistributorMetrics } from "./metrics.ts";
import type { Tickets } from "./tickets.ts";

/** Who comes in, as whom, and from which cursor. */
export interface Entry {
  key: ClientKey;
  identity: Identity;
  /** From where it comes. */
  address: string;
  /** Undefined where none was sent, or it is none of this client's: the connection begins at the start (R4). */
  cursor: Sequence | undefined;
  /** The client promises to acknowledge by itself (R21). */
  explicitAck: boolean;
  /** The client offered our subprotocol, and is to be answered with it. */
  offered: boolean;
}

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
  /** Whether a tenant has as many connections here as it may, and no idle loop to end in place of one. */
  full: (tenant: string) => boolean;
  /** How often a client asks, and how often an address is refused. */
  tickets: Pick<Tickets, "redeem">;
  clients: Askers;
  tenants: Askers;
  limitsOf: LimitsOf;
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

  /** The answer to a page of a site that may not open a WebSocket here. */
  stranger(request: Asked): Reply {
    this.#options.metrics.forbade();
    this.#options.gate.refuse("its origin is not in ALLOWED_ORIGINS", "subscribe", request);
    return forbidden();
  }

  /** Its token is in its query, where it is known to others by now: it is refused before it is looked at. */
  exposed(request: Asked): void {
    this.#options.gate.turnAway("its token is in its query", "subscribe", request);
  }

  /** One comes in, or is refused. */
  enter({ identity: { tenant } }: Pick<Entry, "identity">): Reply | undefined {
    const { admission, connections, full, metrics } = this.#options;
    if (this.#draining) return this.#ending();
    // First what ends no idle loop: `full` makes room where it can.
    const bound = admission.bound(performance.now(), connections());
    if (bound !== undefined) return this.#refusal(bound);
    if (full(tenant)) {
      metrics.turnedAway("tenant");
      return tooMany("Your tenant has as many connections here as it may.", jittered(5, 30));
    }
    return this.#refusal(admission.take(performance.now(), connections()));
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
      const { query } = request;
      // A polyfill of EventSource adds lastEventId to a URL that may still have the cursor it began with.
      const sent = request.headers["last-event-id"] || query.get("lastEventId") || query.get("cursor") || "";
      return {
        key,
        identity,
        address: request.address,
        cursor: fromCursor(sent, cursorTag(key)),
        explicitAck: request.query.get("ack") === "explicit",
        offered: offers.includes(SUBPROTOCOL),
      };
    };
    const wrong = tokenInQuery(request.query);
    if (wrong) {
      this.exposed(request);
      return wrong;
    }
    const ticket = token === undefined && request.path === "/v1/sse" ? request.query.get("ticket") : null;
    if (ticket !== null) return this.#redeemed(ticket, request).then(entryOf);
    const identity = this.identify(token, request);
    return identity instanceof Promise ? identity.then(entryOf) : entryOf(identity);
  }

  /** The caller behind a token, or the answer that gives nothing away. */
  identify(token: string | undefined, asked: Asked): Identity | Reply | Promise<Identity | Reply> {
    try {
      const identity = this.#options.gate.pass(token, "subscribe", asked);
      return identity instanceof Promise
        ? identity.then(
            (late) => this.#counted(late),
            (error: unknown) => this.#refused(error),
          )
        : this.#counted(identity);
    } catch (error) {
      return this.#refused(error);
    }
  }

  #refused(error: unknown): Reply {
    const { metrics } = this.#options;
    if (error instanceof TurnedAway) {
      metrics.limited("address");
      return tooMany(error.message, error.retryAfter);
    }
    // Also where Redis is away, which its health says.
    if (!(error instanceof Refused)) return unavailable();
    metrics.forbade();
    return forbidden();
  }

  /** What one client and all of a tenant ask of this process is bounded, whatever becomes of it. */
  #counted(identity: Identity): Identity | Reply {
    const { clients, tenants, limitsOf, metrics } = this.#options;
    const { tenant, subject } = identity;
    const now = performance.now();
    const clientLate = clients.late(clientKey(tenant, subject), now);
    if (clientLate !== undefined) {
      metrics.limited("client");
      return tooMany("This client asks more often than it may.", clientLate);
    }
    const { requestRate, requestBurst } = limitsOf(tenant);
    const late = tenants.late(tenant, now, { rate: requestRate, burst: requestBurst });
    if (late === undefined) return identity;
    metrics.limited("tenant");
    return tooMany("Your tenant's clients ask more often here than they may.", late);
  }

  async #redeemed(ticket: string, asked: Asked): Promise<Identity | Reply> {
    const { gate, tickets } = this.#options;
    try {
      return this.#counted(await gate.redeem(() => tickets.redeem(ticket), "subscribe", asked));
    } catch (error) {
      return this.#refused(error);
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

function forbidden(): Reply {
  return problemReply(problem(403, "forbidden", "Forbidden", "This needs a token that allows it."));
}

export function unavailable(): Reply {
  return problemReply(
    problem(503, "unavailable", "Unavailable", "This distributor takes no connections right now. Try again.", {
      retryAfter: jittered(1, 5),
    }),
  );
}
