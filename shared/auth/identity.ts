/** The issuer that vouches for a caller. */
export type Source =
  /** The platform's own issuer. It may speak for any tenant, and for operators of the platform. */
  | { readonly kind: "platform" }
  /** An issuer of one tenant. It may speak for that tenant only. */
  | { readonly kind: "issuer"; readonly name: string }
  | { readonly kind: "key"; readonly id: string }
  /**
   * The console, for a person whom an OpenID provider knows, or for a test that an operator makes. `platform`: as an
   * operator of the platform.
   */
  | { readonly kind: "console"; readonly platform: boolean };

/** A caller, as its token names it. Nothing else about a caller is trusted. */
export interface Identity {
  tenant: string;
  /** The id of the client or publisher. */
  subject: string;
  /** Space-separated `scope` claim (RFC 8693). */
  scopes: ReadonlySet<string>;
  /** Seconds since 1970 (`exp`, `iat`). A token without `iat` is older than any revocation. */
  expires: number;
  issued: number;
  source: Source;
  /** The fingerprint of the key that signed its token. API keys have none. */
  signer?: string | undefined;
}

/** Why a token was refused, for the log. The caller learns only that it was refused. */
export class Refused extends Error {
  override readonly name = "Refused";
}

/** The answer is 429: its address may cause no more work at the moment. */
export class TurnedAway extends Error {
  override readonly name = "TurnedAway";
  /** Seconds. */
  readonly retryAfter: number;

  constructor(retryAfter: number, message = "Too many requests from your address were refused.") {
    super(message);
    this.retryAfter = retryAfter;
  }
}

/** The sender of a token, not identified yet. */
export interface Asker {
  readonly address: string;
  /** Called before a signature check. It throws if this address has no checks left. */
  readonly mayCheck?: () => void;
}

/** Tolerance for clocks that differ: every service accepts a token this much longer than its `exp`. */
export const LEEWAY_SECONDS = 30;

/** The token of an Authorization header (RFC 6750), or undefined. */
export function bearer(authorization: string | undefined): string | undefined {
  return /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization ?? "")?.[1];
}
