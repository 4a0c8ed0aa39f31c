import { readFile } from "node:fs/promises";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  jwksCache,
  jwtVerify,
  UnsecuredJWT,
  type CryptoKey,
  type JSONWebKeySet,
  type JWKSCacheInput,
  type JWTClaimVerificationOptions,
  type JWTPayload,
  type JWTVerifyGetKey,
} from "jose";
import type { z } from "zod";
import { CLIENT_FORM, TENANT_FORM } from "./notification.ts";
import type { identitySettings } from "./settings.ts";
import { Signers } from "./signers.ts";

/** Who calls, as its token says: nothing else about a caller is believed. */
export interface Identity {
  tenant: string;
  /** The client's or the publisher's id. */
  subject: string;
  /** Space-separated `scope` claim (RFC 8693): "subscribe", "publish", "operate". */
  scopes: ReadonlySet<string>;
  /** Seconds since 1970 (`exp`). */
  expires: number;
}

/** `operate` is not of a tenant: it is for those who run the platform. */
export type Scope = "publish" | "subscribe" | "operate";

/** Why a token was refused: for the log. The caller is told only that it was. */
export class Refused extends Error {
  override readonly name = "Refused";
}

const ALGORITHMS = ["EdDSA", "ES256", "ES384", "RS256", "PS256"];
/** Of clocks that differ: a token counts so much longer than it says, everywhere. */
export const LEEWAY_SECONDS = 30;
const MAX_CACHED = 20_000;
const MAX_TOKEN_LENGTH = 8_192;
/** As texts; there are a few. */
const MAX_SCOPE_SETS = 100;

type IdentitySettings = z.output<typeof identitySettings>;

/** Header, payload and signature as RFC 7515 writes them. */
const TOKEN_FORM = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;
/** jose looks at claims by themselves where they stand in a token that says to be unsigned. */
const UNSIGNED = Buffer.from('{"alg":"none"}').toString("base64url");

export class Identities {
  readonly #keys: JWTVerifyGetKey;
  /** Which set of keys this is; undefined where it is to be had anew. */
  readonly #keySet: () => number | undefined;
  readonly #issuer: string;
  readonly #audience: string;
  readonly #signers = new Signers();
  readonly #seen = new Seen();
  /** Token to identity, oldest first: the signature of one that comes again and again is checked no more. */
  readonly #verified = new Map<string, Identity>();
  readonly #now: () => number;

  private constructor(
    keys: JWTVerifyGetKey,
    keySet: () => number | undefined,
    { AUTH_ISSUER, AUTH_AUDIENCE }: IdentitySettings,
    now: () => number,
  ) {
    this.#keys = keys;
    this.#keySet = keySet;
    this.#issuer = AUTH_ISSUER;
    this.#audience = AUTH_AUDIENCE;
    this.#now = now;
  }

  static async from(settings: IdentitySettings, now: () => number = Date.now): Promise<Identities> {
    const where = settings.AUTH_JWKS;
    if (/^https?:\/\//.test(where)) {
      const fetched: { uat?: number } = {};
      const keys = createRemoteJWKSet(new URL(where), { [jwksCache]: fetched as JWKSCacheInput });
      return new Identities(keys, () => (keys.fresh ? fetched.uat : undefined), settings, now);
    }
    const keys = createLocalJWKSet(JSON.parse(await readFile(where, "utf8")) as JSONWebKeySet);
    return new Identities(keys, () => 0, settings, now);
  }

  /**
   * The caller behind a token that allows `scope`: at once, but where its key is not at hand. Throws Refused, or a `retry` where the
   * keys cannot be had.
   */
  authorize(token: string | undefined, scope: Scope): Identity | Promise<Identity> {
    if (!token) throw new Refused("no token was sent");
    if (token.length > MAX_TOKEN_LENGTH) throw new Refused("the token is too long");
    const identity = this.#verified.get(token) ?? this.#verifyAtOnce(token);
    return identity
      ? this.#allowed(token, identity, scope)
      : this.#verify(token).then((verified) => this.#allowed(token, verified, scope));
  }

  #allowed(token: string, identity: Identity, scope: Scope): Identity {
    if (identity.expires + LEEWAY_SECONDS < this.#now() / 1000) {
      this.#verified.delete(token);
      throw new Refused("the token has expired");
    }
    if (!identity.scopes.has(scope)) throw new Refused(`the token does not allow "${scope}"`);
    if (scope === "subscribe" && !CLIENT_FORM.test(identity.subject))
      throw new Refused("the token's sub is no client id");
    return identity;
  }

  /** Undefined where jose is to look at it: its header is a new one, or the keys are too old. */
  #verifyAtOnce(token: string): Identity | undefined {
    const [, header = "", payload = "", written = ""] = TOKEN_FORM.exec(token) ?? [];
    if (!this.#signers.has(header, this.#keySet())) return undefined;
    const signature = Buffer.from(written, "base64url");
    if (!this.#signers.verifies(header, payload, signature)) throw new Refused("the signature is wrong");
    try {
      const claims = UnsecuredJWT.decode(`${UNSIGNED}.${payload}.`, this.#expected());
      return this.#keep(token, identityOf(claims.payload));
    } catch (error) {
      throw refusal(error);
    }
  }

  async #verify(token: string): Promise<Identity> {
    const before = this.#keySet();
    const { payload, protectedHeader, key } = await jwtVerify(token, this.#keys, {
      ...this.#expected(),
      algorithms: ALGORITHMS,
    }).catch((error: unknown) => {
      throw refusal(error);
    });
    const header = token.slice(0, token.indexOf("."));
    // Where the keys were had anew meanwhile, it may be one of those before: the next token tells.
    if (before === this.#keySet() && !this.#signers.has(header, before))
      this.#signers.add(header, protectedHeader.alg, key as CryptoKey);
    return this.#keep(token, identityOf(payload));
  }

  #expected(): JWTClaimVerificationOptions {
    return {
      issuer: this.#issuer,
      audience: this.#audience,
      clockTolerance: LEEWAY_SECONDS,
      requiredClaims: ["exp", "sub", "tenant", "scope"],
      currentDate: new Date(this.#now()),
    };
  }

  /** From the second time on: most tokens come once, with a connection. */
  #keep(token: string, identity: Identity): Identity {
    if (!this.#seen.again(token)) return identity;
    this.#verified.set(token, identity);
    if (this.#verified.size > MAX_CACHED) this.#verified.delete(this.#verified.keys().next().value!);
    return identity;
  }
}

/** Tokens that were good, four bytes of the signature each: whom it takes for seen wrongly is kept, and nothing else. */
class Seen {
  readonly #marks = new Uint32Array(1 << 16);

  again(token: string): boolean {
    // The last characters may be padding; those before them are as good as random in every algorithm.
    const mark = Buffer.from(token.slice(-12, -4), "base64url").readUInt32LE();
    const place = mark & 0xffff;
    if (this.#marks[place] === mark) return true;
    this.#marks[place] = mark;
    return false;
  }
}

function identityOf({ sub, tenant, scope, exp }: JWTPayload): Identity {
  if (typeof sub !== "string" || sub === "") throw new Refused("the token's sub is no text");
  if (typeof tenant !== "string" || !TENANT_FORM.test(tenant)) throw new Refused("the token's tenant is no tenant id");
  if (typeof scope !== "string") throw new Refused("the token's scope is no text");
  return { tenant, subject: sub, scopes: scopesOf(scope), expires: exp! };
}

const scopeSets = new Map<string, ReadonlySet<string>>();

/** Connections are many, and what their tokens allow is mostly the same. */
function scopesOf(scope: string): ReadonlySet<string> {
  let scopes = scopeSets.get(scope);
  if (!scopes) {
    scopes = new Set(scope.split(" "));
    if (scopeSets.size < MAX_SCOPE_SETS) scopeSets.set(scope, scopes);
  }
  return scopes;
}

function refusal(error: unknown): unknown {
  return error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)
    ? new Refused(error.message, { cause: error })
    : error;
}

/** The token of an Authorization header (RFC 6750), or undefined. */
export function bearer(authorization: string | undefined): string | undefined {
  return /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization ?? "")?.[1];
}
