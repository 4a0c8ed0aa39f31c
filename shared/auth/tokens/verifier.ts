import {
  errors,
  jwtVerify,
  UnsecuredJWT,
  type CryptoKey,
  type FlattenedJWSInput,
  type JWTClaimVerificationOptions,
  type JWTHeaderParameters,
  type JWTPayload,
} from "jose";
import type { ClaimMapping } from "#auth/policies/schema.ts";
import { networkOf } from "#http/client-address.ts";
import { checkAudience, scopesOf, subjectOf } from "./claims.ts";
import { LEEWAY_SECONDS, Refused, type Asker, type Identity, type Source } from "#auth/identity.ts";
import type { Keys } from "./jwks.ts";
import { TENANT_FORM } from "#protocol/notification.ts";
import { VerifiedKeys } from "./verified-keys.ts";
import { timesOf, TOKEN_MAX_SECONDS } from "./token-times.ts";
import { Waiters } from "#auth/pending-callers.ts";

export interface TokenVerifierOptions extends ClaimMapping {
  issuer: string;
  audience: string;
  algorithms: readonly string[];
  keys: Keys;
  source: Source;
  /**
   * The only tenant that it may speak for; its tokens need not name it. Undefined: any tenant, which the token names.
   */
  tenant: string | undefined;
  /** Limit of the seconds from iat to exp. */
  maxSeconds?: number;
  now: () => number;
  /** Shared by all issuers. */
  waiters?: Waiters;
}

const NOBODY: Asker = { address: "" };

/** Header, payload and signature in the form of RFC 7515. */
const TOKEN_FORM = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;
/** jose checks claims alone only in a token with this unsigned header. */
const UNSIGNED = Buffer.from('{"alg":"none"}').toString("base64url");
/** Headers with which a token names its own key. They are never used, so their sender is suspicious. */
const OWN_KEYS = ["jku", "jwk", "x5u", "x5c"] as const satisfies (keyof JWTHeaderParameters)[];
/** Verifies the tokens of one issuer. Its keys come only from its own set. */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions;
  readonly #verifiedKeys = new VerifiedKeys();
  readonly #waiters: Waiters;

  constructor(options: TokenVerifierOptions) {
    this.#options = options;
    this.#waiters = options.waiters ?? new Waiters({ all: Infinity, issuer: Infinity, address: Infinity });
  }

  /** The version of its keys. */
  get keys(): number {
    return this.#options.keys.version;
  }

  /** Whether a caller admitted by this key may stay. Its issuer may have removed the key. */
  keeps({ signer }: Identity): boolean {
    void this.#options.keys.freshen();
    return this.#options.keys.has(signer);
  }

  /**
   * Synchronous unless the key must be fetched. Throws Refused; a `retry` if the keys are unavailable or too many
   * callers wait for them; or TurnedAway. Tokens that no signature could save are refused before a signature check, and
   * before the caller waits.
   */
  verify(token: string, asker: Asker = NOBODY): Identity | Promise<Identity> {
    const [, header, payload, written] = TOKEN_FORM.exec(token) ?? [];
    if (header === undefined || payload === undefined || written === undefined)
      throw new Refused("it is not a token: expected three parts in base64url, separated by dots");
    const { keys } = this.#options;
    const asked = keys.freshen();
    if (asked) {
      const { address, mayCheck } = asker;
      const kept = { address, ...(mayCheck && { mayCheck }) };
      return this.#wait(networkOf(address), () => asked).then(() => this.verify(token, kept));
    }
    const verifiedKey = this.#verifiedKeys.of(header, keys.version);
    // The header is new, so jose checks it.
    if (!verifiedKey) return this.#looked(token, header, payload, asker);
    const identity = this.#claimed(payload, verifiedKey.name);
    asker.mayCheck?.();
    if (!verifiedKey.signed(header, payload, Buffer.from(written, "base64url")))
      throw new Refused("the signature is wrong");
    return identity;
  }

  #looked(token: string, header: string, payload: string, asker: Asker): Promise<Identity> {
    this.#checkHeader(header);
    this.#claimed(payload, "");
    // The address is known only while the request is handled.
    const network = networkOf(asker.address);
    return this.#waiters.check(() => this.#verify(token, network, asker.mayCheck));
  }

  #wait<T>(network: string, ask: () => Promise<T>): Promise<T> {
    return this.#waiters.keys(this, network, ask);
  }

  #checkHeader(encoded: string): void {
    const header = decoded(encoded);
    if (header === undefined) throw new Refused("its header is not a JSON object");
    if (typeof header.alg !== "string" || !this.#options.algorithms.includes(header.alg))
      throw new Refused("its issuer does not use its algorithm (alg)");
    const own = OWN_KEYS.find((name) => header[name] !== undefined);
    if (own) throw new Refused(`its header contains a key (${own})`);
  }

  /** Throws Refused if the claims are not good, whatever the signer. */
  #claimed(payload: string, signer: string): Identity {
    try {
      return this.#identityOf(UnsecuredJWT.decode(`${UNSIGNED}.${payload}.`, this.#expected()).payload, signer);
    } catch (error) {
      throw refusal(error);
    }
  }

  async #verify(token: string, network: string, mayCheck: (() => void) | undefined): Promise<Identity> {
    const { keys } = this.#options;
    const before = keys.version;
    let used: CryptoKey | Uint8Array | undefined;
    const find = async (header?: JWTHeaderParameters, input?: FlattenedJWSInput) => {
      used = await keys.find(header, input, (ask) => this.#wait(network, ask));
      mayCheck?.();
      return used;
    };
    const { payload, protectedHeader } = await jwtVerify(token, find, {
      ...this.#expected(),
      algorithms: [...this.#options.algorithms],
    }).catch((error: unknown) => {
      throw refusal(error);
    });
    const header = token.slice(0, token.indexOf("."));
    // If the keys changed meanwhile, this may be an old one. The next token decides.
    const name = keys.nameOf(used!);
    if (before === keys.version && !(used instanceof Uint8Array) && !this.#verifiedKeys.of(header, before))
      this.#verifiedKeys.add(header, protectedHeader.alg, name, used!);
    return this.#identityOf(payload, name);
  }

  #expected(): JWTClaimVerificationOptions {
    const { issuer, audience, audienceClaim = "aud", now } = this.#options;
    return {
      issuer,
      ...(audienceClaim === "aud" && { audience }),
      clockTolerance: LEEWAY_SECONDS,
      requiredClaims: ["exp"],
      currentDate: new Date(now()),
    };
  }

  #identityOf(payload: JWTPayload, signer: string): Identity {
    const { audience, source, now, maxSeconds = TOKEN_MAX_SECONDS } = this.#options;
    checkAudience(payload, audience, this.#options);
    return {
      tenant: this.#tenantOf(payload),
      subject: subjectOf(payload, this.#options),
      scopes: scopesOf(payload, this.#options),
      ...timesOf(payload, now() / 1_000, maxSeconds),
      source,
      signer,
    };
  }

  #tenantOf({ tenant }: JWTPayload): string {
    const { tenant: only } = this.#options;
    if (only !== undefined && (tenant === undefined || tenant === only)) return only;
    if (typeof tenant !== "string" || !TENANT_FORM.test(tenant))
      throw new Refused("the token's tenant is not a tenant id");
    if (only !== undefined) throw new Refused("its issuer does not belong to this tenant");
    return tenant;
  }
}

function refusal(error: unknown): unknown {
  return error instanceof errors.JOSEError ? new Refused(error.message, { cause: error }) : error;
}

function decoded(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
