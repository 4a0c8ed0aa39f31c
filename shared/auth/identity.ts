/** Who vouches for a caller. */
export type Source =
  /** The platform's own issuer, which may speak for any tenant, and for those who run the platform. */
  | { readonly kind: "platform" }
  /** One of a tenant's, which may speak for that tenant alone. */
  | { readonly kind: "issuer"; readonly name: string }
  | { readonly kind: "key"; readonly id: string };

/** Who calls, as its token says: nothing else about a caller is believed. */
export interface Identity {
  tenant: string;
  /** The client's or the publisher's id. */
  subject: string;
  /** Space-separated `scope` claim (RFC 8693). */
  scopes: ReadonlySet<string>;
  /** Seconds since 1970 (`exp`, `iat`); a token that does not say when it was issued is older than any revocation. */
  expires: number;
  issued: number;
  source: Source;
  /** The fingerprint of the key that signed its token. API keys have none. */
  signer?: string | undefined;
}

/** Why a token was refused: for the log. The caller is told only that it was. */
export class Refused extends Error {
  override readonly name = "Refused";
}

/** The answer is 429: its address may cause no more work at the moment. */
export class TurnedAway extends Error {
  override readonly name = "TurnedAway";
  /** Seconds. */
  readonly retryAfter: number;

  constructor(retryAfter: number, message = "Too much from this address was refused.") {
    super(message);
    this.retryAfter = retryAfter;
  }
}

/** Where a token comes from. Its caller is not known yet. */
export interface Asker {
  readonly address: string;
  /** Called before a signature is checked. It throws where no more may be checked for this address. */
  readonly mayCheck?: () => void;
}

/** Of clocks that differ: a token counts so much longer than it says, everywhere. */
export const LEEWAY_SECONDS = 30;

/** The token of an Authorization header (RFC 6750), or undefined. */
export function bearer(authorization: string | undefined): string | undefined {
  return /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization ?? "")?.[1];
}
