import { readFile } from "node:fs/promises";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from "jose";
import { CLIENT_FORM, TENANT_FORM } from "./notification.ts";

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

export class Identities {
  readonly #keys: JWTVerifyGetKey;
  readonly #issuer: string;
  readonly #audience: string;
  /** Token to identity, oldest first: a signature is checked once, not at every request. */
  readonly #verified = new Map<string, Identity>();
  readonly #now: () => number;

  private constructor(keys: JWTVerifyGetKey, issuer: string, audience: string, now: () => number) {
    this.#keys = keys;
    this.#issuer = issuer;
    this.#audience = audience;
    this.#now = now;
  }

  static async from(
    settings: { AUTH_JWKS: string; AUTH_ISSUER: string; AUTH_AUDIENCE: string },
    now: () => number = Date.now,
  ): Promise<Identities> {
    const where = settings.AUTH_JWKS;
    const keys = /^https?:\/\//.test(where)
      ? createRemoteJWKSet(new URL(where))
      : createLocalJWKSet(JSON.parse(await readFile(where, "utf8")) as JSONWebKeySet);
    return new Identities(keys, settings.AUTH_ISSUER, settings.AUTH_AUDIENCE, now);
  }

  /** The caller behind a token that allows `scope`; throws Refused, or a `retry` where the keys cannot be had. */
  async authorize(token: string | undefined, scope: Scope): Promise<Identity> {
    if (!token) throw new Refused("no token was sent");
    const identity = this.#verified.get(token) ?? (await this.#verify(token));
    if (identity.expires + LEEWAY_SECONDS < this.#now() / 1000) {
      this.#verified.delete(token);
      throw new Refused("the token has expired");
    }
    if (!identity.scopes.has(scope)) throw new Refused(`the token does not allow "${scope}"`);
    if (scope === "subscribe" && !CLIENT_FORM.test(identity.subject))
      throw new Refused("the token's sub is no client id");
    return identity;
  }

  async #verify(token: string): Promise<Identity> {
    if (token.length > MAX_TOKEN_LENGTH) throw new Refused("the token is too long");
    const { payload } = await jwtVerify(token, this.#keys, {
      issuer: this.#issuer,
      audience: this.#audience,
      algorithms: ALGORITHMS,
      clockTolerance: LEEWAY_SECONDS,
      requiredClaims: ["exp", "sub", "tenant", "scope"],
      currentDate: new Date(this.#now()),
    }).catch((error: unknown) => {
      throw error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)
        ? new Refused(error.message, { cause: error })
        : error;
    });
    const { sub, tenant, scope, exp } = payload;
    if (typeof sub !== "string" || sub === "") throw new Refused("the token's sub is no text");
    if (typeof tenant !== "string" || !TENANT_FORM.test(tenant))
      throw new Refused("the token's tenant is no tenant id");
    if (typeof scope !== "string") throw new Refused("the token's scope is no text");
    const identity = { tenant, subject: sub, scopes: new Set(scope.split(" ")), expires: exp! };
    this.#verified.set(token, identity);
    if (this.#verified.size > MAX_CACHED) this.#verified.delete(this.#verified.keys().next().value!);
    return identity;
  }
}

/** The token of an Authorization header (RFC 6750), or undefined. */
export function bearer(authorization: string | undefined): string | undefined {
  return /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization ?? "")?.[1];
}
