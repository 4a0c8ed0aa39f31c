import { z } from "zod";
import { isOrigin } from "#http/origin.ts";
import { FOLLOWED_FORMAT } from "#protocol/format.ts";
import { patterns } from "./client-patterns.ts";
import { inboxSetting } from "./inbox-setting.ts";
import { targetPatterns } from "./target-patterns.ts";
import { MOST_WATCHES, timelineSetting, watch } from "./timeline-setting.ts";
import { subjectPatterns } from "#auth/subject.ts";

/** Policies are rows of the table `access`. Each is checked when it is written, and again when it is read. */
export const SCOPES = ["publish", "subscribe", "operate", "read", "consume"] as const;

/**
 * `operate` changes the rights of a tenant's people and machines, `read` sees them. `consume` reads and confirms queues.
 */
export type Scope = (typeof SCOPES)[number];

/** The scopes that a role may use. */
export const ROLES = {
  publisher: ["publish"],
  subscriber: ["subscribe"],
  operator: ["operate", "read"],
  auditor: ["read"],
  consumer: ["consume"],
} as const satisfies Record<string, readonly Scope[]>;

const ROLE_NAMES = Object.keys(ROLES) as [keyof typeof ROLES];

export const ALGORITHMS = ["EdDSA", "ES256", "ES384", "RS256", "PS256"] as const;
/** Signed with a secret that issuer and platform share. It counts only if the issuer's row names it, and then alone. */
export const SHARED_ALGORITHM = "HS256";
/** Operators' tokens name it. No tenant can have this name, so that no tenant's operators can revoke them. */
export const PLATFORM_TENANT = "platform";

/** Seconds since 1970. */
const seconds = z.int().min(0);

/** A public key (RFC 7517). A private key is refused, and so is a secret key that anybody could sign with. */
const publicKey = z
  .looseObject({ kty: z.enum(["OKP", "EC", "RSA"]), kid: z.string().min(1).max(256).optional() })
  .refine((jwk) => !("d" in jwk || "k" in jwk), "it has a private member: send only the public key");

const loopback = /^(localhost|127\.0\.0\.1|\[::1\])$/;

/** Addresses that keys may be fetched from. Without TLS, an attacker on the network path could insert a key. */
export function isKeysAddress(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || (protocol === "http:" && loopback.test(hostname));
}

/** The id of a tenant's own row. Each tenant has one. */
export const TENANT_ROW = "";

export const tenantRow = z.strictObject({
  state: z.enum(["active", "suspended"]).default("active"),
  /** `scopes`: the scopes of its issuers' tokens are enough. `grants`: one of the tenant's grants must allow it too. */
  trust: z.enum(["scopes", "grants"]).default("grants"),
  limits: z.record(z.string().regex(/^[a-z][A-Za-z]{0,40}$/), z.number().min(0)).default({}),
  /** Sites whose pages may speak for this tenant, in addition to ALLOWED_ORIGINS. */
  origins: z.exactOptional(
    z.array(z.string().max(300).refine(isOrigin, "an origin without a path, as https://app.example.com")).max(50),
  ),
  /** The notifications that the inboxes of its clients show. */
  inbox: z.exactOptional(inboxSetting),
  /** The notifications whose way is recorded. */
  timeline: z.exactOptional(timelineSetting),
  /** Clients and publishers whose notifications are all recorded for a while. */
  watches: z.exactOptional(z.array(watch).max(MOST_WATCHES)),
});

const keyRow = z.strictObject({
  /** SHA-256 of the secret, hexadecimal. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  name: z.string().min(1).max(100),
  scopes: z.array(z.enum(["publish", "operate", "read", "consume"])).min(1),
  clients: patterns,
  targets: z.exactOptional(targetPatterns),
  created: seconds,
  expires: seconds.nullable(),
});

const claim = z.string().min(1).max(200);

/** Maps the claims of an issuer's tokens to the platform's `sub`, `scope` and `aud`. */
const claimMapping = {
  /** The claim with the client's or publisher's id; by default `sub`. A path with dots reaches into objects. */
  subjectClaim: z.exactOptional(claim),
  /** The claim with the scopes, as a text with spaces or a list; by default `scope`. */
  scopeClaim: z.exactOptional(z.union([claim, z.array(claim).min(1).max(5)])),
  /** Only scopes with this prefix count. It is removed from them. */
  scopePrefix: z.exactOptional(z.string().min(1).max(200)),
  /** The claim with the audience; by default `aud`. */
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

/** The stored form. An older service closes a tenant whose issuer has an unknown member. */
const issuerRow = z
  .strictObject({
    ...issuerMembers,
    algorithms: z.array(z.enum([...ALGORITHMS, SHARED_ALGORITHM])).min(1),
    jwks: z.exactOptional(jwks),
    jwksUrl: z.exactOptional(jwksUrl),
    /** A JWE: the secret is stored nowhere in clear text. */
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
  role: z.enum(ROLE_NAMES),
  /** The `sub` of the tokens that have this grant. It must not be left out. */
  subjects: subjectPatterns,
  /** The clients that they may publish to, or be. */
  clients: patterns,
  targets: z.exactOptional(targetPatterns),
});

/** The row's id is a subject, or "*" for all of the tenant. */
const revocationRow = z.strictObject({
  /** Revokes tokens and keys that were issued up to this second. */
  before: seconds,
});

export const rowSchemas = {
  tenant: tenantRow,
  key: keyRow,
  issuer: issuerRow,
  grant: grantRow,
  revocation: revocationRow,
} as const;

/** The lowest `format` of the platform at which this row may be written: services below it close the row's tenant. */
export function formatNeeded(kind: string, value: unknown): number {
  if (kind === "tenant") return tenantFormat(value as RowOf<"tenant"> | null);
  if (value === null || (kind !== "grant" && kind !== "key")) return 1;
  const { targets, clients, role, scopes } = value as Partial<RowOf<"grant"> & RowOf<"key">>;
  const consumes = role === "consumer" || scopes?.includes("consume") === true;
  return targets !== undefined || clients?.length === 0 || consumes ? 2 : 1;
}

function tenantFormat(row: RowOf<"tenant"> | null): number {
  if (row?.timeline !== undefined || row?.watches !== undefined) return FOLLOWED_FORMAT;
  return row?.inbox === undefined ? 1 : 3;
}

export type ClaimMapping = Pick<z.output<typeof issuerRow>, keyof typeof claimMapping>;
export type RowKind = keyof typeof rowSchemas;
export type RowOf<K extends RowKind> = z.output<(typeof rowSchemas)[K]>;
