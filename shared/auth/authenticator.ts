import type { JSONWebKeySet } from "jose";
import { LRUCache } from "lru-cache";
import type { z } from "zod";
import { ALGORITHMS, SHARED_ALGORITHM, type Scope } from "#auth/policies/schema.ts";
import type { Policies, IssuerOf } from "#auth/policies/policies.ts";
import { identityOfKey, isApiKey } from "#auth/tokens/api-keys.ts";
import { refusal, type Question } from "#auth/policies/authorize.ts";
import { Failure, messageOf } from "#runtime/errors.ts";
import { Refused, type Asker, type Identity } from "./identity.ts";
import { TokenVerifier } from "#auth/tokens/verifier.ts";
import { Jwks, type Keys, type KeySource, type SkippedKey } from "#auth/tokens/jwks.ts";
import { JwksAddresses } from "#auth/tokens/jwks-address.ts";
import { SealedSecrets } from "#auth/tokens/sealed-secrets.ts";
import type { identitySettings } from "./settings.ts";
import { SharedSecret } from "#auth/tokens/shared-secret.ts";
import type { Waiters } from "./pending-callers.ts";

const MAX_CACHED = 20_000;
const MAX_TOKEN_LENGTH = 8_192;

interface Verified {
  identity: Identity;
  verifier: TokenVerifier;
  keys: number;
}

type AllSettings = z.output<typeof identitySettings>;
type IdentitySettings = Pick<AllSettings, "AUTH_JWKS" | "AUTH_ISSUER" | "AUTH_AUDIENCE"> &
  Partial<Pick<AllSettings, "AUTH_PRIVATE_NETWORKS" | "TOKEN_MAX_SECONDS" | "SECRETS_KEY" | "KEY_ENVIRONMENT">>;

export interface AuthenticatorParts {
  /** ms since 1970. */
  now?: () => number;
  /** ms, monotonic. */
  clock?: () => number;
  /** Returns the text at an address. By default it is fetched from the addresses that AUTH_PRIVATE_NETWORKS allows. */
  fetch?: (url: URL) => Promise<string>;
  /** The keys of one issuer could not be refreshed. The known keys stay in use. */
  failed?: (issuer: string, error: unknown) => void;
  /** Bounds callers who wait for keys, and for signature checks off the main thread. Without it there is no bound. */
  waiters?: Waiters;
  /** A key of an issuer is not used. */
  skipped?: (issuer: string, key: SkippedKey) => void;
}

/** The tenant that is operated or read, and the target that is named. */
export type About = Pick<Question, "tenant" | "target">;

/** Identifies the caller of a token from any issuer, and decides whether it may do what it asks. */
export class Authenticator {
  /** Addresses that keys may come from. */
  readonly jwksAddresses: JwksAddresses;
  readonly #policies: Policies;
  readonly #platform: TokenVerifier;
  readonly #platformKeys: Jwks;
  readonly #platformName: string;
  /** The verifiers of tenants' issuers. Each is kept until its row changes. */
  readonly #issuers = new WeakMap<IssuerOf, TokenVerifier>();
  readonly #seen = new Seen();
  /** Token to identity. The signature of a token that returns is not checked again. */
  readonly #verified = new LRUCache<string, Verified>({ max: MAX_CACHED });
  readonly #now: () => number;
  readonly #keysOf: (issuer: string, source: KeySource) => Jwks;
  readonly #secrets: SealedSecrets;
  /** The limits that every issuer shares. */
  readonly #limits: { maxSeconds?: number; waiters?: Waiters };
  readonly #environment: string | undefined;

  private constructor(settings: IdentitySettings, policies: Policies, parts: AuthenticatorParts) {
    const { AUTH_JWKS, AUTH_ISSUER, AUTH_AUDIENCE, TOKEN_MAX_SECONDS, SECRETS_KEY = [] } = settings;
    const { now = Date.now, clock, fetch, failed, skipped, waiters } = parts;
    this.#secrets = new SealedSecrets(SECRETS_KEY);
    this.#limits = {
      ...(TOKEN_MAX_SECONDS !== undefined && { maxSeconds: TOKEN_MAX_SECONDS }),
      ...(waiters && { waiters }),
    };
    this.#environment = settings.KEY_ENVIRONMENT;
    this.#policies = policies;
    this.#now = now;
    this.jwksAddresses = new JwksAddresses(settings.AUTH_PRIVATE_NETWORKS ?? []);
    const get = fetch ?? ((url) => this.jwksAddresses.fetch(url));
    this.#keysOf = (issuer, source) =>
      new Jwks(source, {
        ...(clock && { clock }),
        fetch: get,
        failed: (error) => failed?.(issuer, error),
        skipped: (key) => skipped?.(issuer, key),
      });
    this.#platformName = AUTH_ISSUER;
    this.#platformKeys = this.#keysOf(AUTH_ISSUER, isAddress(AUTH_JWKS) ? new URL(AUTH_JWKS) : { file: AUTH_JWKS });
    this.#platform = new TokenVerifier({
      issuer: AUTH_ISSUER,
      audience: AUTH_AUDIENCE,
      algorithms: ALGORITHMS,
      keys: this.#platformKeys,
      source: { kind: "platform" },
      tenant: undefined,
      now,
      ...this.#limits,
    });
  }

  static async from(
    settings: IdentitySettings,
    policies: Policies,
    parts: AuthenticatorParts = {},
  ): Promise<Authenticator> {
    const authenticator = new Authenticator(settings, policies, parts);
    const { AUTH_JWKS } = settings;
    const refused =
      isAddress(AUTH_JWKS) && !parts.fetch ? await authenticator.jwksAddresses.refusal(new URL(AUTH_JWKS)) : undefined;
    if (refused !== undefined) throw new Failure("fatal", `AUTH_JWKS is wrong. ${refused}`);
    // A missing file is a mistake of the operator.
    if (!isAddress(AUTH_JWKS))
      await authenticator.#platformKeys.reload().catch((error: unknown) => {
        throw new Failure("fatal", `AUTH_JWKS is wrong. ${messageOf(error)}`, { cause: error });
      });
    return authenticator;
  }

  /**
   * The caller of a token that allows `scope`, for the tenant and target if given. It is synchronous unless the key must
   * be fetched. Throws Refused, or a `retry` if the keys are unavailable or the policies are not loaded yet.
   */
  authorize(
    token: string | undefined,
    scope: Scope,
    about: About = {},
    asker: Asker = NOBODY,
  ): Identity | Promise<Identity> {
    const identity = this.identify(token, asker);
    return identity instanceof Promise
      ? identity.then((late) => this.#allowed(token!, late, scope, about))
      : this.#allowed(token!, identity, scope, about);
  }

  /** The caller, whatever its rights. API keys and tokens that were good before need no signature check. */
  identify(token: string | undefined, asker: Asker = NOBODY): Identity | Promise<Identity> {
    if (!token) throw new Refused("no token was sent");
    if (token.length > MAX_TOKEN_LENGTH) throw new Refused("the token is too long");
    if (!this.#policies.loaded) throw new Failure("retry", "The policies are not loaded yet.");
    if (isApiKey(token)) return identityOfKey(token, this.#policies, this.#environment);
    const row = this.#rowOf(token);
    const verifier = row ? this.#issuerOf(row) : this.#platform;
    const known = this.#verified.get(token);
    // The issuer may have other keys now, or the token another issuer.
    if (known?.verifier === verifier && known.keys === verifier.keys) return known.identity;
    const identity = verifier.verify(token, asker);
    // A token that cost a scarce check must not need another one next time.
    const scarce = asker.mayCheck !== undefined;
    return identity instanceof Promise
      ? identity.then((late) => this.#keep(token, late, verifier, scarce))
      : this.#keep(token, identity, verifier, scarce);
  }

  /** Why an admitted caller must stop, or undefined. */
  barred(identity: Identity, scope: Scope, { tenant, target }: About = {}): string | undefined {
    const client = scope === "subscribe" ? identity.subject : undefined;
    const why = refusal(this.#policies, { identity, scope, now: this.#now() / 1_000, client, tenant, target });
    return why ?? (this.#signed(identity) ? undefined : "the key that signed its token was removed");
  }

  /** Whether its key is still valid: keys come and go. */
  #signed(identity: Identity): boolean {
    const { source } = identity;
    if (source.kind === "key" || source.kind === "console") return true;
    if (source.kind === "platform") return this.#platform.keeps(identity);
    const row = this.#policies.issuer(source.name);
    return row !== undefined && this.#issuerOf(row).keeps(identity);
  }

  #allowed(token: string, identity: Identity, scope: Scope, about: About): Identity {
    const why = this.barred(identity, scope, about);
    if (why === undefined) return identity;
    this.#verified.delete(token);
    throw new Refused(why);
  }

  /** The issuer whose keys check the token, by the token's own unverified claims. Undefined: the platform's issuer. */
  #rowOf(token: string): IssuerOf | undefined {
    if (this.#policies.issuers === 0) return undefined;
    const name = claimed(token)?.iss;
    return typeof name === "string" && name !== this.#platformName ? this.#policies.issuer(name) : undefined;
  }

  /** The tenant that a token names, or else its issuer's. Nothing is verified: it only picks the log of a refusal. */
  claimedTenant(claims: Record<string, unknown> | undefined): unknown {
    return claims?.tenant ?? (typeof claims?.iss === "string" ? this.#policies.issuer(claims.iss)?.tenant : undefined);
  }

  #issuerOf(row: IssuerOf): TokenVerifier {
    let verifier = this.#issuers.get(row);
    if (!verifier) {
      const { algorithms, sealedSecret } = row;
      verifier = new TokenVerifier({
        ...row,
        // The kind of keys decides. Otherwise a public key could be used as a secret.
        algorithms: sealedSecret ? [SHARED_ALGORITHM] : algorithms.filter((one) => one !== SHARED_ALGORITHM),
        keys: this.#keysIn(row),
        source: { kind: "issuer", name: row.issuer },
        now: this.#now,
        ...this.#limits,
      });
      this.#issuers.set(row, verifier);
    }
    return verifier;
  }

  #keysIn({ issuer, sealedSecret, jwksUrl, jwks }: IssuerOf): Keys {
    if (sealedSecret !== undefined) return new SharedSecret(() => this.#secrets.open(sealedSecret, issuer));
    return this.#keysOf(issuer, jwksUrl === undefined ? (jwks as JSONWebKeySet) : new URL(jwksUrl));
  }

  /** Keeps a token from its second use on: most tokens are used once, for one connection. */
  #keep(token: string, identity: Identity, verifier: TokenVerifier, atOnce: boolean): Identity {
    if (!this.#seen.again(token) && !atOnce) return identity;
    this.#verified.set(token, { identity, verifier, keys: verifier.keys });
    return identity;
  }
}

const NOBODY: Asker = { address: "" };
const isAddress = (place: string): boolean => /^https?:/i.test(place);

/** The claims of a token, unverified. Do not trust them. */
export function claimed(token: string | undefined): Record<string, unknown> | undefined {
  try {
    return JSON.parse(Buffer.from(token?.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** Tokens that were good, as four bytes of each signature. A false match only keeps a token too early. */
class Seen {
  readonly #marks = new Uint32Array(1 << 16);

  again(token: string): boolean {
    // The last characters may be padding. The characters before them are as good as random in every algorithm.
    const mark = Buffer.from(token.slice(-12, -4), "base64url").readUInt32LE();
    const place = mark & 0xffff;
    if (this.#marks[place] === mark) return true;
    this.#marks[place] = mark;
    return false;
  }
}
