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
import type { ClaimMapping } from "./access-rows.ts";
import { checkAudience, scopesOf, subjectOf } from "./claims.ts";
import { Failure } from "./errors.ts";
import { LEEWAY_SECONDS, Refused, type Identity, type Source } from "./identity.ts";
import type { Keys } from "./key-set.ts";
import { TENANT_FORM } from "./notification.ts";
import { Signers } from "./signers.ts";
import { timesOf, TOKEN_MAX_SECONDS } from "./token-times.ts";

export interface IssuerOptions extends ClaimMapping {
  issuer: string;
  audience: string;
  algorithms: readonly string[];
  keys: Keys;
  source: Source;
  /** The only tenant that it may speak for: its tokens need not name it. Undefined: any tenant, which the token names. */
  tenant: string | undefined;
  /** Seconds from iat to exp, at most. */
  maxSeconds?: number;
  now: () => number;
}

/** Header, payload and signature as RFC 7515 writes them. */
const TOKEN_FORM = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;
/** jose looks at claims by themselves where they stand in a token that says to be unsigned. */
const UNSIGNED = Buffer.from('{"alg":"none"}').toString("base64url");
/** Where a token says itself by which key it is to be checked. Nobody looks there; who writes it is up to something. */
const OWN_KEYS = ["jku", "jwk", "x5u", "x5c"] as const satisfies (keyof JWTHeaderParameters)[];
/** One who issues tokens. Its keys come from its own set alone. */
export class Issuer {
  readonly #options: IssuerOptions;
  readonly #signers = new Signers();

  constructor(options: IssuerOptions) {
    this.#options = options;
  }

  /** Which keys it has: another number, others. */
  get keys(): number {
    return this.#options.keys.version;
  }

  /** Whether who was let in by this key may stay: its issuer may have taken it away. */
  keeps({ signer }: Identity): boolean {
    void this.#options.keys.freshen();
    return this.#options.keys.has(signer);
  }

  /** At once, but where its key is not at hand. Throws Refused, or a `retry` where the keys cannot be had. */
  verify(token: string): Identity | Promise<Identity> {
    const [, header = "", payload = "", written = ""] = TOKEN_FORM.exec(token) ?? [];
    const { keys } = this.#options;
    const asked = keys.freshen();
    if (asked) return asked.then(() => this.verify(token));
    const signer = this.#signers.of(header, keys.version);
    // A new header: jose is to look at it.
    if (!signer) return this.#verify(token);
    if (!signer.signed(header, payload, Buffer.from(written, "base64url"))) throw new Refused("the signature is wrong");
    return this.#claimed(payload, signer.name);
  }

  /** Throws Refused where the claims are not good, whoever signed them. */
  #claimed(payload: string, signer: string): Identity {
    try {
      return this.#identityOf(UnsecuredJWT.decode(`${UNSIGNED}.${payload}.`, this.#expected()).payload, signer);
    } catch (error) {
      throw refusal(error);
    }
  }

  async #verify(token: string): Promise<Identity> {
    const { keys } = this.#options;
    const before = keys.version;
    let used: CryptoKey | Uint8Array | undefined;
    const find = async (header?: JWTHeaderParameters, input?: FlattenedJWSInput) => {
      const own = OWN_KEYS.find((name) => header?.[name] !== undefined);
      if (own) throw new Refused(`its header brings a key of its own (${own})`);
      return (used = await keys.find(header, input));
    };
    const { payload, protectedHeader } = await jwtVerify(token, find, {
      ...this.#expected(),
      algorithms: [...this.#options.algorithms],
    }).catch((error: unknown) => {
      // A token that no key could make good is refused at once.
      if (error instanceof Failure) this.#claimed(token.split(".")[1] ?? "", "");
      throw refusal(error);
    });
    const header = token.slice(0, token.indexOf("."));
    // Where the keys were had anew meanwhile, it may be one of those before: the next token tells.
    const name = keys.nameOf(used!);
    if (before === keys.version && !(used instanceof Uint8Array) && !this.#signers.of(header, before))
      this.#signers.add(header, protectedHeader.alg, name, used!);
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
      throw new Refused("the token's tenant is no tenant id");
    if (only !== undefined) throw new Refused("its issuer may not speak for this tenant");
    return tenant;
  }
}

function refusal(error: unknown): unknown {
  return error instanceof errors.JOSEError ? new Refused(error.message, { cause: error }) : error;
}
