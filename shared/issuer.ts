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
  type JWTHeaderParameters,
  type JWTPayload,
  type JWTVerifyGetKey,
} from "jose";
import { LEEWAY_SECONDS, Refused, type Identity, type Source } from "./identity.ts";
import { TENANT_FORM } from "./notification.ts";
import { Signers } from "./signers.ts";

export interface IssuerOptions {
  issuer: string;
  audience: string;
  algorithms: readonly string[];
  /** The keys themselves, or where they are to be had. */
  keys: JSONWebKeySet | URL;
  source: Source;
  /** The only tenant that it may speak for; undefined: any. */
  tenant: string | undefined;
  now: () => number;
}

/** Header, payload and signature as RFC 7515 writes them. */
const TOKEN_FORM = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;
/** jose looks at claims by themselves where they stand in a token that says to be unsigned. */
const UNSIGNED = Buffer.from('{"alg":"none"}').toString("base64url");
/** Where a token says itself by which key it is to be checked. Nobody looks there; who writes it is up to something. */
const OWN_KEYS = ["jku", "jwk", "x5u", "x5c"] as const satisfies (keyof JWTHeaderParameters)[];
/** As texts; there are a few. */
const MAX_SCOPE_SETS = 100;

/** One who issues tokens. Its keys come from its own set alone, had anew for a key that is not in it, twice a minute at most. */
export class Issuer {
  readonly #options: IssuerOptions;
  readonly #keys: JWTVerifyGetKey;
  /** Which set of keys this is; undefined where it is to be had anew. */
  readonly #keySet: () => number | undefined;
  readonly #signers = new Signers();

  constructor(options: IssuerOptions) {
    this.#options = options;
    if (options.keys instanceof URL) {
      const fetched: { uat?: number } = {};
      const keys = createRemoteJWKSet(options.keys, { [jwksCache]: fetched as JWKSCacheInput });
      this.#keys = keys;
      this.#keySet = () => (keys.fresh ? fetched.uat : undefined);
    } else {
      this.#keys = createLocalJWKSet(options.keys);
      this.#keySet = () => 0;
    }
  }

  /** At once, but where its key is not at hand. Throws Refused, or a `retry` where the keys cannot be had. */
  verify(token: string): Identity | Promise<Identity> {
    const [, header = "", payload = "", written = ""] = TOKEN_FORM.exec(token) ?? [];
    // A new header, or the keys are too old: jose is to look at it.
    if (!this.#signers.has(header, this.#keySet())) return this.#verify(token);
    const signature = Buffer.from(written, "base64url");
    if (!this.#signers.verifies(header, payload, signature)) throw new Refused("the signature is wrong");
    try {
      return this.#identityOf(UnsecuredJWT.decode(`${UNSIGNED}.${payload}.`, this.#expected()).payload);
    } catch (error) {
      throw refusal(error);
    }
  }

  async #verify(token: string): Promise<Identity> {
    const before = this.#keySet();
    const { payload, protectedHeader, key } = await jwtVerify(token, this.#keys, {
      ...this.#expected(),
      algorithms: [...this.#options.algorithms],
    }).catch((error: unknown) => {
      throw refusal(error);
    });
    const own = OWN_KEYS.find((name) => protectedHeader[name] !== undefined);
    if (own) throw new Refused(`its header brings a key of its own (${own})`);
    const header = token.slice(0, token.indexOf("."));
    // Where the keys were had anew meanwhile, it may be one of those before: the next token tells.
    if (before === this.#keySet() && !this.#signers.has(header, before))
      this.#signers.add(header, protectedHeader.alg, key as CryptoKey);
    return this.#identityOf(payload);
  }

  #expected(): JWTClaimVerificationOptions {
    return {
      issuer: this.#options.issuer,
      audience: this.#options.audience,
      clockTolerance: LEEWAY_SECONDS,
      requiredClaims: ["exp", "sub", "tenant", "scope"],
      currentDate: new Date(this.#options.now()),
    };
  }

  #identityOf({ sub, tenant, scope, exp, iat }: JWTPayload): Identity {
    if (typeof sub !== "string" || sub === "") throw new Refused("the token's sub is no text");
    if (typeof tenant !== "string" || !TENANT_FORM.test(tenant))
      throw new Refused("the token's tenant is no tenant id");
    if (typeof scope !== "string") throw new Refused("the token's scope is no text");
    const { source, tenant: only } = this.#options;
    if (only !== undefined && only !== tenant) throw new Refused("its issuer may not speak for this tenant");
    return { tenant, subject: sub, scopes: scopesOf(scope), expires: exp!, issued: iat ?? 0, source };
  }
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
