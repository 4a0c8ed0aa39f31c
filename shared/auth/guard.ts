import type { Scope } from "#auth/policies/schema.ts";
import type { KeyedLimiter } from "#rate-limits/keyed-limiter.ts";
import type { Attempt, AuditLog, Ending } from "./audit-log.ts";
import { networkOf } from "#http/client-address.ts";
import type { Checks } from "./signature-checks.ts";
import { Failure } from "#runtime/errors.ts";
import type { Request } from "#http/request.ts";
import { claimed, type Authenticator } from "./authenticator.ts";
import { Refused, TurnedAway, type Asker, type Identity } from "./identity.ts";
import type { Log } from "#runtime/log.ts";
import type { Cors } from "#http/allowed-origins.ts";
import { printable } from "#runtime/printable.ts";

/** What of a request is written down; and its headers, where it may come from a page. */
export type Asked = Pick<Request, "method" | "route" | "path" | "address"> & Partial<Pick<Request, "headers">>;

/** That tokens cannot be checked is said once in so long. */
const UNSURE_MS = 1_000;

/** How a request ended whose address is over its rate of refusals. */
export type OverLimit = "passed" | "turned_away";

export interface GuardParts {
  authenticator: Authenticator;
  audit: Pick<AuditLog, "note">;
  cors: Cors;
  /** How often an address is refused. */
  strangers: KeyedLimiter;
  /** Signatures that are checked for an address although it is over that. */
  checks: Pick<Checks, "take" | "giveBack">;
  overLimit: (outcome: OverLimit) => void;
  /** A token was answered 503 because its key is not known yet. */
  keyUnknown: () => void;
  log: Log;
}

/** Where every caller passes: who it is, whether it may, and that it is written down whatever the answer is. */
interface Claimed {
  token: string | undefined;
  scope: Scope;
  tenant: string | undefined;
}

export class Guard {
  readonly #authenticator: Authenticator;
  readonly #audit: Pick<AuditLog, "note">;
  readonly #cors: Cors;
  readonly #strangers: KeyedLimiter;
  readonly #checks: Pick<Checks, "take" | "giveBack">;
  readonly #overLimit: (outcome: OverLimit) => void;
  readonly #keyUnknown: () => void;
  readonly #log: Log;
  #unsureAt = -Infinity;

  constructor({ authenticator, audit, cors, strangers, checks, overLimit, keyUnknown, log }: GuardParts) {
    this.#authenticator = authenticator;
    this.#audit = audit;
    this.#cors = cors;
    this.#strangers = strangers;
    this.#checks = checks;
    this.#overLimit = overLimit;
    this.#keyUnknown = keyUnknown;
    this.#log = log;
  }

  /**
   * The caller behind a token that allows `scope`, in this tenant where one is given: at once, but where the token's key is not at hand.
   * Throws Refused, TurnedAway, or a `retry` where it cannot be said.
   */
  pass(token: string | undefined, scope: Scope, asked: Asked, tenant?: string): Identity | Promise<Identity> {
    // Usually no address was refused anything, and the address is not read.
    const spent = this.#strangers.any ? this.#strangers.spent(networkOf(asked.address), performance.now()) : undefined;
    if (spent !== undefined) return this.#passKnown(spent, { token, scope, tenant }, asked);
    try {
      const identity = this.#authenticator.authorize(token, scope, tenant, asked);
      if (!(identity instanceof Promise)) return this.#entered(identity, scope, asked);
      const kept = keptOf(asked);
      return identity
        .then((late) => this.#entered(late, scope, kept))
        .catch((error: unknown) => this.#refused(error, token, scope, kept));
    } catch (error) {
      return this.#refused(error, token, scope, asked);
    }
  }

  /**
   * The same for an address over its rate of refusals, which good callers may share. Known tokens and API keys pass. Other tokens are checked while
   * the address has checks left. Everything else is turned away, and the log stays quiet.
   */
  #passKnown(spent: number, { token, scope, tenant }: Claimed, asked: Asked): Identity | Promise<Identity> {
    const kept = keptOf(asked);
    const network = networkOf(kept.address);
    let checked = false;
    const asker: Asker = {
      address: kept.address,
      mayCheck: () => {
        if (!this.#checks.take(network, performance.now())) throw new TurnedAway(spent);
        checked = true;
      },
    };
    const entered = (identity: Identity): Identity => {
      const passed = this.#entered(identity, scope, kept);
      if (checked) this.#checks.giveBack(network, performance.now());
      this.#overLimit("passed");
      return passed;
    };
    const refused = (error: unknown): never => {
      if (error instanceof Refused || error instanceof TurnedAway) {
        this.#overLimit("turned_away");
        this.#turnedAway(spent, scope, kept);
      }
      this.#unsure(error);
      throw error;
    };
    try {
      const identity = this.#authenticator.authorize(token, scope, tenant, asker);
      return identity instanceof Promise ? identity.then(entered).catch(refused) : entered(identity);
    } catch (error) {
      return refused(error);
    }
  }

  /**
   * The caller behind what `find` looks up in a store. The look-up counts as a refusal of its address until it finds a token: looking first would
   * let a stranger who may ask no more still cause look-ups.
   */
  async redeem(find: () => Promise<string | undefined>, scope: Scope, asked: Asked): Promise<Identity> {
    const kept = keptOf(asked);
    const network = networkOf(kept.address);
    const late = this.#strangers.late(network, performance.now());
    if (late !== undefined) this.#turnedAway(late, scope, kept);
    let token: string | undefined;
    try {
      token = await find();
    } catch (error) {
      this.#strangers.giveBack(network, performance.now());
      throw error;
    }
    if (token === undefined) {
      const why = "its ticket stands for no token";
      this.#note(why, undefined, scope, kept);
      throw new Refused(why);
    }
    this.#strangers.giveBack(network, performance.now());
    return this.pass(token, scope, kept);
  }

  /** Whether one who was let in may stay; where not, that is written down, too. `origin`: of the page that it is. */
  holds(identity: Identity, scope: Scope, address: string, origin?: string): boolean {
    const why = this.#authenticator.barred(identity, scope) ?? this.#foreign(origin, identity.tenant);
    if (why === undefined) return true;
    const { tenant, subject, source } = identity;
    this.#audit.note({
      allowed: false,
      why,
      scope,
      method: "stay",
      route: "",
      path: "",
      address,
      tenant,
      subject,
      source,
    });
    return false;
  }

  /** How it ended what one did who was let in. */
  ended(identity: Identity, scope: Scope, asked: Asked, ending: Ending): void {
    const { tenant, subject, source } = identity;
    this.#audit.note({ allowed: true, scope, ...copyOf(asked), tenant, subject, source, ...ending });
  }

  /** Nobody asked it who that is: the request is refused before. */
  refuse(why: string, scope: Scope, asked: Asked): void {
    this.#note(why, undefined, scope, asked);
  }

  /** The same where so many come that a line in the log for each would be a flood itself. */
  turnAway(why: string, scope: Scope, asked: Asked): void {
    this.#audit.note({ allowed: false, why, scope, ...copyOf(asked), tenant: "", subject: "", source: undefined });
  }

  #turnedAway(seconds: number, scope: Scope, asked: Asked): never {
    this.turnAway("too much from this address was refused", scope, asked);
    throw new TurnedAway(seconds);
  }

  /** A page of an origin that no tenant has is served: its browser shows it no answer, and a page behind our own address needs none. */
  #entered(identity: Identity, scope: Scope, asked: Asked): Identity {
    const origin = asked.headers?.origin;
    if (origin !== undefined && this.#cors.knows(origin)) {
      const why = this.#foreign(origin, identity.tenant);
      if (why !== undefined) throw new Refused(why);
    }
    return this.#allowed(identity, scope, asked);
  }

  #foreign(origin: string | undefined, tenant: string): string | undefined {
    return origin === undefined ? undefined : this.#cors.refusal(origin, tenant);
  }

  #allowed(identity: Identity, scope: Scope, { method, route, path, address }: Asked): Identity {
    const { tenant, subject, source } = identity;
    this.#audit.note({ allowed: true, scope, method, route, path, address, tenant, subject, source });
    return identity;
  }

  #refused(error: unknown, token: string | undefined, scope: Scope, asked: Asked): never {
    if (error instanceof Refused) {
      this.#strangers.late(networkOf(asked.address), performance.now());
      this.#note(error.message, token, scope, asked);
    } else if (error instanceof TurnedAway) this.turnAway("too many from this address wait for keys", scope, asked);
    else this.#unsure(error);
    throw error;
  }

  /** Nobody was refused, and nobody let in: whoever asks comes again, so that a line for each would be a flood. */
  #unsure(error: unknown): void {
    // Anybody can name a key that does not exist: the metric counts it, and the log stays quiet.
    if (error instanceof Failure && error.retryAfter !== undefined) {
      this.#keyUnknown();
      return;
    }
    const now = performance.now();
    if (now - this.#unsureAt < UNSURE_MS) return;
    this.#unsureAt = now;
    this.#log.error({ err: error }, "tokens cannot be checked");
  }

  /** Who the token says that it is from, believed by nobody: to find its sender. */
  #note(why: string, token: string | undefined, scope: Scope, asked: Asked): void {
    const { method, path, address } = asked;
    const claims = claimed(token);
    const said = { tenant: text(this.#authenticator.claimedTenant(claims)), subject: text(claims?.sub) };
    const attempt: Attempt = { allowed: false, why, scope, ...copyOf(asked), ...said, source: undefined };
    this.#audit.note(attempt);
    this.#log.warn(
      {
        why: printable(why),
        claims: claims && { tenant: printable(said.tenant), sub: printable(said.subject) },
        address,
        method,
        path,
      },
      "forbidden",
    );
  }
}

/** What is written down. The headers are not: they have the token. */
function copyOf({ method, route, path, address }: Asked): Omit<Asked, "headers"> {
  return { method, route, path, address };
}

/** Of a request of the distributor, the address can be had in its turn alone. */
function keptOf(asked: Asked): Asked {
  return { ...copyOf(asked), headers: asked.headers ?? {} };
}

function text(claim: unknown): string {
  return typeof claim === "string" ? claim.slice(0, 128) : "";
}
