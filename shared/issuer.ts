import {
  errors,
  jwtVerify,
  UnsecuredJWT,
  type JWTClaimVerificationOptions,
  type JWTHeaderParameters,
  type JWTPayload,
} from "jose";
import { SCOPES } from "./access-rows.ts";
import { Failure } from "./errors.ts";
import { LEEWAY_SECONDS, Refused, type Identity, type Source } from "./identity.ts";
import type { KeySet } from "./key-set.ts";
import { TENANT_FORM } from "./notification.ts";
import { Signers } from "./signers.ts";

export interface IssuerOptions {
  issuer: string;
  audience: string;
  algorithms: readonly string[];
  keys: KeySet;
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
    return this.#claimed(payload, signer.kid);
  }

  /** Throws Refused where the claims are not good, whoever signed them. */
  #claimed(payload: string, signer: string | undefined): Identity {
    try {
      return this.#identityOf(UnsecuredJWT.decode(`${UNSIGNED}.${payload}.`, this.#expected()).payload, signer);
    } catch (error) {
      throw refusal(error);
    }
  }

  async #verify(token: string): Promise<Identity> {
    const { keys } = this.#options;
    const before = keys.version;
    const find: typeof keys.find = (header, jws) => {
      const own = OWN_KEYS.find((name) => header?.[name] !== undefined);
      if (own) throw new Refused(`its header brings a key of its own (${own})`);
      return keys.find(header, jws);
    };
    const { payload, protectedHeader, key } = await jwtVerify(token, find, {
      ...this.#expected(),
      algorithms: [...this.#options.algorithms],
    }).catch((error: unknown) => {
      // A token that no key could make good is refused at once.
      if (error instanceof Failure) this.#claimed(token.split(".")[1] ?? "", undefined);
      throw refusal(error);
    });
    const header = token.slice(0, token.indexOf("."));
    // Where the keys were had anew meanwhile, it may be one of those before: the next token tells.
    if (before === keys.version && !this.#signers.of(header, before)) this.#signers.add(header, protectedHeader, key);
    return this.#identityOf(payload, protectedHeader.kid);
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

  #identityOf({ sub, tenant, scope, exp, iat }: JWTPayload, signer: string | undefined): Identity {
    if (typeof sub !== "string" || sub === "") throw new Refused("the token's sub is no text");
    if (typeof tenant !== "string" || !TENANT_FORM.test(tenant))
      throw new Refused("the token's tenant is no tenant id");
    if (typeof scope !== "string") throw new Refused("the token's scope is no text");
    const { source, tenant: only } = this.#options;
    if (only !== undefined && only !== tenant) throw new Refused("its issuer may not speak for this tenant");
    return { tenant, subject: sub, scopes: scopesOf(scope), expires: exp!, issued: iat ?? 0, source, signer };
  }
}

const scopeSets = new Map<string, ReadonlySet<string>>();

/** Those that mean something here: connections are many, and a token may say any number of others, which nobody is to keep. */
function scopesOf(scope: string): ReadonlySet<string> {
  const said = scope.split(" ");
  const known = SCOPES.filter((one) => said.includes(one));
  const name = known.join(" ");
  let scopes = scopeSets.get(name);
  if (!scopes) scopeSets.set(name, (scopes = new Set(known)));
  return scopes;
}

function refusal(error: unknown): unknown {
  return error instanceof errors.JOSEError ? new Refused(error.message, { cause: error }) : error;
}
