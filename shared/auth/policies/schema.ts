import { z } from "zod";
import { isOrigin } from "#http/origin.ts";
import { patterns } from "./client-patterns.ts";
import { subjectPatterns } from "#auth/subject.ts";

/** What says who may do what: rows of the table `access`, each checked when it is written, and again when it is read. */
export const SCOPES = ["publish", "subscribe", "operate", "read"] as const;

/** `operate` changes what a tenant's people and machines may do, `read` sees it. */
export type Scope = (typeof SCOPES)[number];

/** What a role may be used for. */
export const ROLES = {
  publisher: ["publish"],
  subscriber: ["subscribe"],
  operator: ["operate", "read"],
  auditor: ["read"],
} as const satisfies Record<string, readonly Scope[]>;

export const ALGORITHMS = ["EdDSA", "ES256", "ES384", "RS256", "PS256"] as const;
/** Signed with a secret that the issuer and the platform share: only where an issuer's row says so, and then nothing else. */
export const SHARED_ALGORITHM = "HS256";
/** Operators' tokens name it. No tenant can have it, so that no tenant's operators can revoke them. */
export const PLATFORM_TENANT = "platform";

/** Seconds since 1970. */
const seconds = z.int().min(0);

/** A public key (RFC 7517). Nobody's secret is kept here, and what anybody could sign with is no public key. */
const publicKey = z
  .looseObject({ kty: z.enum(["OKP", "EC", "RSA"]), kid: z.string().min(1).max(256).optional() })
  .refine((jwk) => !("d" in jwk || "k" in jwk), "it has a private member: send only the public key");

const loopback = /^(localhost|127\.0\.0\.1|\[::1\])$/;

/** Where keys may be asked for: who is on the way elsewhere without TLS could put in one of its own. */
export function isKeysAddress(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || (protocol === "http:" && loopback.test(hostname));
}

/** The id of a tenant's own row: there is one. */
export const TENANT_ROW = "";

export const tenantRow = z.strictObject({
  state: z.enum(["active", "suspended"]).default("active"),
  /** `scopes`: what its issuers' tokens say is enough. `grants`: and one of its grants must allow it. */
  trust: z.enum(["scopes", "grants"]).default("grants"),
  limits: z.record(z.string().regex(/^[a-z][A-Za-z]{0,40}$/), z.number().min(0)).default({}),
  /** Sites whose pages may speak for this tenant, beside those of ALLOWED_ORIGINS. */
  origins: z.exactOptional(
    z.array(z.string().max(300).refine(isOrigin, "an origin without a path, as https://app.example.com")).max(50),
  ),
});

const keyRow = z.strictObject({
  /** Of the secret: SHA-256, hexadecimal. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  name: z.string().min(1).max(100),
  scopes: z.array(z.enum(["publish", "operate", "read"])).min(1),
  clients: patterns,
  created: seconds,
  expires: seconds.nullable(),
});

const claim = z.string().min(1).max(200);

/** How the tokens of an issuer say what the platform's own say in `sub`, `scope` and `aud`. */
const claimMapping = {
  /** Where the client's or publisher's id is; by default `sub`. A path with dots reaches into objects. */
  subjectClaim: z.exactOptional(claim),
  /** Where the scopes are, as a text with spaces or a list; by default `scope`. */
  scopeClaim: z.exactOptional(z.union([claim, z.array(claim).min(1).max(5)])),
  /** Only scopes with this prefix count. It is removed from them. */
  scopePrefix: z.exactOptional(z.string().min(1).max(200)),
  /** Where the audience is; by default `aud`. */
  audienceClaim: z.exactOptional(claim),
  /** Scopes that every token of this issuer has: any token may subscribe. */
  defaultScopes: z.exactOptional(z.array(z.literal("subscribe")).length(1)),
};

const issuerMembers = {
  issuer: z.string().min(1).max(500),
  audience: z.string().min(1).max(500),
  ...claimMapping,
};
const jwks = z.strictObject({ keys: z.array(publicKey).min(1).max(20) });
const jwksUrl = z
  .url({ protocol: /^https?$/ })
  .max(1_000)
  .refine(isKeysAddress, "must be https");

/** As it is kept. An older service closes a tenant whose issuer has a member that it does not know. */
const issuerRow = z
  .strictObject({
    ...issuerMembers,
    algorithms: z.array(z.enum([...ALGORITHMS, SHARED_ALGORITHM])).min(1),
    jwks: z.exactOptional(jwks),
    jwksUrl: z.exactOptional(jwksUrl),
    /** A JWE: the secret is in the clear nowhere. */
    sealedSecret: z.exactOptional(z.string().min(1).max(2_000)),
  })
  .refine(
    ({ jwks, jwksUrl, sealedSecret }) =>
      [jwks, jwksUrl, sealedSecret].filter((source) => source !== undefined).length === 1,
    "give exactly one of jwks, jwksUrl and secret",
  )
  .refine(
    ({ algorithms, sealedSecret }) =>
      sealedSecret === undefined
        ? !algorithms.includes(SHARED_ALGORITHM)
        : algorithms.length === 1 && algorithms[0] === SHARED_ALGORITHM,
    { path: ["algorithms"], message: "HS256 needs a secret and stands alone; every other algorithm needs public keys" },
  );

const grantRow = z.strictObject({
  role: z.enum(["publisher", "subscriber", "operator", "auditor"]),
  /** Whose tokens: by their `sub`. Nobody is meant by leaving it out. */
  subjects: subjectPatterns,
  /** Whom they may publish to, or be. */
  clients: patterns,
});

/** The row's id is whose: a subject, or "*" for the tenant's all. */
const revocationRow = z.strictObject({
  /** Tokens and keys that were issued by then are good no more. */
  before: seconds,
});

export const rowSchemas = {
  tenant: tenantRow,
  key: keyRow,
  issuer: issuerRow,
  grant: grantRow,
  revocation: revocationRow,
} as const;

export type ClaimMapping = Pick<z.output<typeof issuerRow>, keyof typeof claimMapping>;
export type RowKind = keyof typeof rowSchemas;
export type RowOf<K extends RowKind> = z.output<(typeof rowSchemas)[K]>;

/** As it stands in the table. Without a value it was taken away. */
export interface PolicyRow {
  kind: string;
  tenant: string;
  id: string;
  value: unknown;
}
