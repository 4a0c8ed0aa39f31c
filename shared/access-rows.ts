import { z } from "zod";
import { patterns } from "./patterns.ts";

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

/** Seconds since 1970. */
const seconds = z.int().min(0);

/** A public key (RFC 7517). Nobody's secret is kept here, and what anybody could sign with is no public key. */
const publicKey = z
  .looseObject({ kty: z.enum(["OKP", "EC", "RSA"]), kid: z.string().min(1).max(256).optional() })
  .refine((jwk) => !("d" in jwk || "k" in jwk), "is no public key: send only the public half");

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

const issuerRow = z
  .strictObject({
    issuer: z.string().min(1).max(500),
    audience: z.string().min(1).max(500),
    algorithms: z.array(z.enum(ALGORITHMS)).min(1),
    jwks: z.exactOptional(z.strictObject({ keys: z.array(publicKey).min(1).max(20) })),
    jwksUrl: z.exactOptional(
      z
        .url({ protocol: /^https?$/ })
        .max(1_000)
        .refine(isKeysAddress, "must be https"),
    ),
  })
  .refine(({ jwks, jwksUrl }) => (jwks === undefined) !== (jwksUrl === undefined), "give either jwks or jwksUrl");

const grantRow = z.strictObject({
  role: z.enum(["publisher", "subscriber", "operator", "auditor"]),
  /** Whose tokens: by their `sub`. Nobody is meant by leaving it out. */
  subjects: patterns.unwrap(),
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

export type RowKind = keyof typeof rowSchemas;
export type RowOf<K extends RowKind> = z.output<(typeof rowSchemas)[K]>;

/** As it stands in the table. Without a value it was taken away. */
export interface AccessRow {
  kind: string;
  tenant: string;
  id: string;
  value: unknown;
}
