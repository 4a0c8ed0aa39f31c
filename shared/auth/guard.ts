import type { Scope } from "#auth/policies/schema.ts";
import type { KeyedLimiter } from "#rate-limits/keyed-limiter.ts";
import type { Attempt, AuditLog, Ending } from "./audit-log.ts";
import { networkOf } from "#http/client-address.ts";
import { plainAddress, type Networks } from "#http/networks.ts";
import type { Checks } from "./signature-checks.ts";
import { Failure } from "#runtime/errors.ts";
import { copyOf, keptOf, textOf, type Asked, type Known } from "./asked.ts";
import { claimed, type About, type Authenticator } from "./authenticator.ts";
import { isRelayTicket, type Relayed } from "./relay-tickets.ts";
import { Refused, TurnedAway, type Asker, type Identity } from "./identity.ts";
import type { Log } from "#runtime/log.ts";
import type { Cors } from "#http/allowed-origins.ts";
import { printable } from "#runtime/printable.ts";

/** The log says at most once in this time that tokens cannot be checked. */
const UNSURE_MS = 1_000;

/** The outcome of a request whose address is over its rate of refusals. */
export type OverLimit = "passed" | "turned_away";

export interface GuardParts {
  authenticator: Authenticator;
  audit: Pick<AuditLog, "note">;
  cors: Cors;
  /** The rate of refusals of each address. */
  strangers: KeyedLimiter;
  /** Signature checks that an address over its rate still has. */
  checks: Pick<Checks, "take" | "giveBack">;
  overLimit: (outcome: OverLimit) => void;
  /** A token was answered 503 because its key is not known yet. */
  keyUnknown: () => void;
  /** Networks from which operators may call; by default any. */
  operatorNetworks?: Networks | undefined;
  /** The caller of a ticket of the console. Without it, tickets are refused. */
  relayed?: ((ticket: string) => Promise<Relayed | undefined>) | undefined;
  log: Log;
}

/** Every caller passes here. The guard identifies and authorizes it, and records the attempt in any case. */
interface Claimed {
  token: string | undefined;
  scope: Scope;
  about: About | undefined;
}

export class Guard {
  readonly #authenticator: Authenticator;
  readonly #audit: Pick<AuditLog, "note">;
  readonly #cors: Cors;
  readonly #strangers: KeyedLimiter;
  readonly #checks: Pick<Checks, "take" | "giveBack">;
  readonly #overLimit: (outcome: OverLimit) => void;
  readonly #keyUnknown: () => void;
  readonly #operatorNetworks: Networks | undefined;
  readonly #relayed: GuardParts["relayed"];
  readonly #log: Log;
  #unsureAt = -Infinity;

  constructor(parts: GuardParts) {
    const { authenticator, audit, cors, strangers, checks, overLimit, keyUnknown, operatorNetworks, relayed, log } =
      parts;
    this.#authenticator = authenticator;
    this.#audit = audit;
    this.#cors = cors;
    this.#strangers = strangers;
    this.#checks = checks;
    this.#overLimit = overLimit;
    this.#keyUnknown = keyUnknown;
    this.#operatorNetworks = operatorNetworks;
    this.#relayed = relayed;
    this.#log = log;
  }

  /**
   * The caller of a token that allows `scope`, for the tenant and target if given. It is synchronous unless the key must
   * be fetched. Throws Refused or TurnedAway, or a `retry` if the answer is not known yet.
   */
  pass(token: string | undefined, scope: Scope, asked: Asked, about?: About): Identity | Promise<Identity> {
    if (token !== undefined && this.#relayed && isRelayTicket(token)) {
      const take = this.#relayed;
      return this.redeem(() => take(token), scope, asked, { about });
    }
    // Usually no address was refused, and then the address is not read.
    const spent = this.#strangers.any ? this.#strangers.spent(networkOf(asked.address), performance.now()) : undefined;
    if (spent !== undefined) return this.#passKnown(spent, { token, scope, about }, asked);
    try {
      const identity = this.#authorize({ token, scope, about }, asked);
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
   * The same for an address over its rate of refusals, which good callers may share. Known tokens and API keys pass.
   * Other tokens are checked while the address has checks left. All other requests are turned away, without a line in
   * the log.
   */
  #passKnown(spent: number, { token, scope, about }: Claimed, asked: Asked): Identity | Promise<Identity> {
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
      const identity = this.#authorize({ token, scope, about }, asker);
      return identity instanceof Promise ? identity.then(entered).catch(refused) : entered(identity);
    } catch (error) {
      return refused(error);
    }
  }

  /** The network counts first: a stolen token of an operator must not even be checked from elsewhere. */
  #authorize({ token, scope, about }: Claimed, asker: Asker): Identity | Promise<Identity> {
    const elsewhere = this.#elsewhere(scope, asker.address);
    if (elsewhere !== undefined) throw new Refused(elsewhere);
    return this.#authenticator.authorize(token, scope, about, asker);
  }

  #elsewhere(scope: Scope, address: string): string | undefined {
    const networks = this.#operatorNetworks;
    if (networks && (scope === "operate" || scope === "read") && !networks.has(plainAddress(address)))
      return "its address is outside OPERATOR_NETWORKS";
    return undefined;
  }

  /**
   * The caller, or its token, that `find` looks up in a store. The look-up counts as a refusal of its address until it
   * finds one. Otherwise a stranger over its rate could still cause look-ups.
   */
  async redeem(
    find: () => Promise<string | Known | undefined>,
    scope: Scope,
    asked: Asked,
    { about, what = "ticket" }: { about?: About | undefined; what?: string } = {},
  ): Promise<Identity> {
    const kept = keptOf(asked);
    const network = networkOf(kept.address);
    const late = this.#strangers.late(network, performance.now());
    if (late !== undefined) this.#turnedAway(late, scope, kept);
    let found: string | Known | undefined;
    try {
      found = await find();
    } catch (error) {
      this.#strangers.giveBack(network, performance.now());
      throw error;
    }
    if (found === undefined) {
      const why = `its ${what} is unknown, used or expired`;
      this.#note(why, undefined, scope, kept);
      throw new Refused(why);
    }
    this.#strangers.giveBack(network, performance.now());
    return typeof found === "string" ? this.pass(found, scope, kept) : this.#knownCaller(found, scope, kept, about);
  }

  #knownCaller({ identity, address }: Known, scope: Scope, kept: Asked, about: About | undefined): Identity {
    const asked = address === undefined ? kept : keptOf(kept, address);
    const why =
      (address === undefined ? this.#elsewhere(scope, asked.address) : undefined) ??
      this.#authenticator.barred(identity, scope, about);
    if (why === undefined) return this.#entered(identity, scope, asked);
    const { tenant, subject, source } = identity;
    this.#audit.note({ allowed: false, why, scope, ...copyOf(asked), tenant, subject, source });
    throw new Refused(why);
  }

  /** Whether an admitted caller may stay. If it may not, that is recorded. `origin`: the origin of its page. */
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

  /** Records the outcome of an admitted caller's action. */
  ended(identity: Identity, scope: Scope, asked: Asked, ending: Ending): void {
    const { tenant, subject, source } = identity;
    this.#audit.note({ allowed: true, scope, ...copyOf(asked), tenant, subject, source, ...ending });
  }

  /** Refuses a request before its caller is identified. */
  refuse(why: string, scope: Scope, asked: Asked): void {
    this.#note(why, undefined, scope, asked);
  }

  /** The same for floods: without a line in the log for each. */
  turnAway(why: string, scope: Scope, asked: Asked): void {
    this.#audit.note({ allowed: false, why, scope, ...copyOf(asked), tenant: "", subject: "", source: undefined });
  }

  #turnedAway(seconds: number, scope: Scope, asked: Asked): never {
    this.turnAway("too many requests from this address were refused", scope, asked);
    throw new TurnedAway(seconds);
  }

  /**
   * Serves a page of an unknown origin: its browser hides the answer. A page behind our own address needs no origin.
   */
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

  #allowed(identity: Identity, scope: Scope, asked: Asked): Identity {
    const { tenant, subject, source } = identity;
    const { method, route, path, address } = asked;
    asked.tenant = tenant;
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

  /** The caller is neither refused nor admitted. It tries again, so a line in the log for each would be a flood. */
  #unsure(error: unknown): void {
    // Any caller can name a key that does not exist. The metric counts it, and the log stays quiet.
    if (error instanceof Failure && error.retryAfter !== undefined) {
      this.#keyUnknown();
      return;
    }
    const now = performance.now();
    if (now - this.#unsureAt < UNSURE_MS) return;
    this.#unsureAt = now;
    this.#log.error({ err: error }, "tokens cannot be checked");
  }

  /** Records the sender that the token claims, unverified, so that operators can find it. */
  #note(why: string, token: string | undefined, scope: Scope, asked: Asked): void {
    const { method, path, address } = asked;
    const claims = claimed(token);
    const said = { tenant: textOf(this.#authenticator.claimedTenant(claims)), subject: textOf(claims?.sub) };
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
