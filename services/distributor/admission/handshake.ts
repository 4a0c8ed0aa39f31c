import { bearer, type Identity } from "@saasaparilla/shared/auth/identity.ts";
import { authenticateRequest, type CallerAnswers } from "@saasaparilla/shared/auth/authenticate-request.ts";
import type { Asked } from "@saasaparilla/shared/auth/asked.ts";
import type { Guard } from "@saasaparilla/shared/auth/guard.ts";
import { SUBPROTOCOL, TOKEN_SUBPROTOCOL } from "@saasaparilla/shared/protocol/client-frames.ts";
import type { Request } from "@saasaparilla/shared/http/request.ts";
import {
  badHead,
  forbidden,
  problemResponse,
  tokenInQuery,
  tooMany,
  unavailable as notTaken,
  type HttpResponse,
} from "@saasaparilla/shared/http/response.ts";
import {
  clientKey,
  cursorTag,
  fromCursor,
  type ClientKey,
  type Sequence,
} from "@saasaparilla/shared/protocol/notification.ts";
import { jittered, problemOf } from "@saasaparilla/shared/http/problem.ts";
import type { LimitsOf } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import type { AdmissionControl, Bound } from "./admission-control.ts";
import type { Capacity } from "./capacity.ts";
import { claimedTenant } from "./claimed-tenant.ts";
import type { KeyedLimiter } from "@saasaparilla/shared/rate-limits/keyed-limiter.ts";
import type { DistributorMetrics } from "#metrics.ts";
import type { Tickets } from "./tickets.ts";

/** An admitted connection: its client, identity and cursor. */
export interface Entry {
  key: ClientKey;
  identity: Identity;
  /** The remote address. */
  address: string;
  /** The page's origin. */
  origin: string | undefined;
  /** Undefined if none was sent, or it is not this client's. Then the connection begins at the start (R4). */
  cursor: Sequence | undefined;
  /** The client promises to send acknowledgements (R21). */
  explicitAck: boolean;
  /** The client asked for retract frames (R61). */
  retracts: boolean;
  /** The client offered our subprotocol, so the answer names it. */
  offered: boolean;
}

const MOST_ORIGINS = 1_000;

const BUSY: Record<Bound, string> = {
  connections: "This distributor has reached its limit of connections.",
  handovers: "Too many connections to this distributor are still being set up.",
  rate: "Too many clients are connecting to this distributor at once.",
};

const SHARES: Record<Bound, string> = {
  connections: "Your tenant has reached its share of this distributor's connections.",
  handovers: "Your tenant has reached its share of connections that are still being set up.",
  rate: "Your tenant has reached its share of new connections to this distributor.",
};

export interface HandshakeOptions {
  guard: Guard;
  admission: AdmissionControl;
  capacity: Pick<Capacity, "used" | "full" | "crowded">;
  metrics: DistributorMetrics;
  /** Limits of requests for each client and tenant, and of refusals for each address. */
  tickets: Pick<Tickets, "redeem">;
  clients: KeyedLimiter;
  tenants: KeyedLimiter;
  limitsOf: LimitsOf;
}

/**
 * A new connection passes three checks. `closed` runs before its token costs anything: while no connection is admitted,
 * no token is checked. A poll's token is the exception, because it may continue a loop. `admit` checks the token.
 * `enter` runs in the turn that opens the connection. Only `enter` takes from the bucket, so that clients without a
 * token cannot empty it and lock others out.
 */
export class Handshake {
  readonly #options: HandshakeOptions;
  readonly #answers: CallerAnswers;
  readonly #origins = new Map<string, string>();
  #draining = false;

  constructor(options: HandshakeOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#answers = {
      refused(as) {
        if (as === "rate-limited") metrics.limited("address");
        else if (as === "forbidden") metrics.forbade();
      },
    };
  }

  /** From now on no connection is admitted. */
  drain(): void {
    this.#draining = true;
  }

  /** The refusal if no connection is admitted now, or none of the tenant that the token names. It takes nothing. */
  closed(headers: Request["headers"]): HttpResponse | undefined {
    const { admission, capacity } = this.#options;
    if (this.#draining) return this.#ending();
    const now = performance.now();
    const bound = admission.bound(now, capacity.used);
    if (bound === undefined && !admission.pressed(now)) return undefined;
    const tenant = claimedTenant(tokensOf(headers)[0]);
    if (bound !== undefined) return this.#refusal(bound, tenant);
    const share = tenant === undefined ? undefined : admission.overShare(now, tenant);
    return share && this.#overShare(share, tenant!);
  }

  /** The answer to a page whose site may not open a WebSocket here. */
  stranger(request: Asked): HttpResponse {
    this.#options.metrics.forbade();
    this.#options.guard.refuse(
      "its origin is in no tenant's document, and not in ALLOWED_ORIGINS",
      "subscribe",
      request,
    );
    return forbidden();
  }

  /**
   * The token is in the query, where others may already know it. The request is refused before the token is checked.
   */
  exposed(request: Asked): void {
    this.#options.guard.turnAway("its token is in its query", "subscribe", request);
  }

  /** Admits one connection, or refuses it. */
  enter({ identity: { tenant } }: Pick<Entry, "identity">): HttpResponse | undefined {
    const { admission, capacity, metrics } = this.#options;
    if (this.#draining) return this.#ending();
    const now = performance.now();
    // First the checks that end no idle loop: `full` and `crowded` make room if they can.
    const bound = admission.bound(now, capacity.used);
    if (bound !== undefined) return this.#refusal(bound, tenant);
    const share = admission.overShare(now, tenant);
    if (share !== undefined) return this.#overShare(share, tenant);
    if (capacity.full(tenant)) {
      metrics.turnedAway("tenant");
      return tooMany("Your tenant has reached its limit of connections to this distributor.", jittered(5, 30));
    }
    if (capacity.crowded(tenant)) return this.#overShare("connections", tenant);
    const late = admission.take(now, capacity.used, tenant);
    return late && this.#refusal(late, tenant);
  }

  /** R9: for a client that may have been refused just now, and could not read why. */
  closedOfLate(headers: Request["headers"]): HttpResponse | undefined {
    if (this.#draining) return unavailable();
    const tenant = claimedTenant(tokensOf(headers)[0]) ?? "";
    const retryAfter = this.#options.admission.refused(performance.now(), Math.random(), tenant);
    return retryAfter === undefined ? undefined : busy(BUSY.rate, retryAfter);
  }

  /** Answers at once, unless the token's key must be fetched first. */
  admit(request: Request): Entry | HttpResponse | Promise<Entry | HttpResponse> {
    if (this.#draining) return this.#ending();
    const offers = offersOf(request.headers);
    const tokens = tokensOf(request.headers);
    // A proxy before us may have checked another token.
    if (tokens.length > 1)
      return badHead("Send one token: in the header Authorization, or as one subprotocol bearer.<token>.");
    const [token] = tokens;
    const entryOf = (identity: Identity | HttpResponse): Entry | HttpResponse => {
      if ("status" in identity) return identity;
      const key = clientKey(identity.tenant, identity.subject);
      const { query } = request;
      // An EventSource polyfill adds lastEventId to a URL that may still have the initial cursor.
      const asked = request.headers["last-event-id"] || query.get("lastEventId") || query.get("cursor") || "";
      return {
        key,
        identity,
        address: request.address,
        origin: this.#interned(request.headers.origin),
        cursor: fromCursor(asked, cursorTag(key)),
        explicitAck: request.query.get("ack") === "explicit",
        retracts: request.query.get("retract") === "true",
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

  /** The identity behind a token, or an answer that reveals nothing. */
  identify(token: string | undefined, asked: Asked): Identity | HttpResponse | Promise<Identity | HttpResponse> {
    const identity = authenticateRequest(() => this.#options.guard.pass(token, "subscribe", asked), this.#answers);
    return identity instanceof Promise ? identity.then((late) => this.#counted(late)) : this.#counted(identity);
  }

  /** Requests of one client and of one tenant to this process are bounded, whatever their outcome. */
  #counted(identity: Identity | HttpResponse): Identity | HttpResponse {
    if ("status" in identity) return identity;
    const { clients, tenants, limitsOf, metrics } = this.#options;
    const { tenant, subject } = identity;
    const now = performance.now();
    const clientLate = clients.late(clientKey(tenant, subject), now);
    if (clientLate !== undefined) {
      metrics.limited("client");
      return tooMany("This client sends too many requests.", clientLate);
    }
    const { requestRate, requestBurst } = limitsOf(tenant);
    const late = tenants.late(tenant, now, { rate: requestRate, burst: requestBurst });
    if (late === undefined) return identity;
    metrics.limited("tenant");
    return tooMany("Your tenant's clients send too many requests to this distributor.", late);
  }

  /** Connections of one site share the origin's string. */
  #interned(origin: string | undefined): string | undefined {
    if (origin === undefined) return undefined;
    const known = this.#origins.get(origin);
    if (known !== undefined) return known;
    if (this.#origins.size >= MOST_ORIGINS) this.#origins.clear();
    this.#origins.set(origin, origin);
    return origin;
  }

  async #redeemed(ticket: string, asked: Asked): Promise<Identity | HttpResponse> {
    const { guard, tickets } = this.#options;
    const redeem = (): Promise<Identity> => guard.redeem(() => tickets.redeem(ticket), "subscribe", asked);
    return this.#counted(await authenticateRequest(redeem, this.#answers));
  }

  #refusal(bound: Bound, tenant = ""): HttpResponse {
    this.#options.metrics.turnedAway(bound);
    return busy(BUSY[bound], this.#options.admission.refuse(performance.now(), Math.random(), tenant));
  }

  #overShare(bound: Bound, tenant: string): HttpResponse {
    this.#options.metrics.turnedAway(bound);
    this.#options.metrics.overShare(bound);
    return busy(SHARES[bound], this.#options.admission.refuse(performance.now(), Math.random(), tenant));
  }

  #ending(): HttpResponse {
    this.#options.metrics.turnedAway("ending");
    return unavailable();
  }
}

/** The subprotocols that a WebSocket offers. */
function offersOf(headers: Request["headers"]): string[] {
  return headers["sec-websocket-protocol"]?.split(",").map((offer) => offer.trim()) ?? [];
}

/** A request's tokens, from Authorization and from the subprotocols. Only one is allowed. */
function tokensOf(headers: Request["headers"]): string[] {
  const sent = bearer(headers["authorization"]);
  const offered = offersOf(headers).filter((offer) => offer.startsWith(TOKEN_SUBPROTOCOL));
  return [...(sent === undefined ? [] : [sent]), ...offered.map((offer) => offer.slice(TOKEN_SUBPROTOCOL.length))];
}

function busy(why: string, retryAfter: number): HttpResponse {
  return problemResponse(problemOf("busy", `${why} Try again after Retry-After.`, { retryAfter }));
}

export function unavailable(): HttpResponse {
  return notTaken("This distributor does not accept connections right now.");
}
