import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { Refused, type Identity } from "#auth/identity.ts";
import type { Policies, Key } from "#auth/policies/policies.ts";

/**
 * `ssp_`, the environment, the key's id, and its secret. The secret has 32 random bytes, so its plain hash does not
 * help a reader of the table. The prefix identifies it to people and secret scanners. Keys of earlier versions begin
 * with `sk_`, and name no environment.
 */
const FORM = /^(?:sk|ssp_([a-z][a-z0-9]{0,15}))_([0-9a-f]{16})_([\w-]{43})$/;
export const ENVIRONMENT_FORM = /^[a-z][a-z0-9]{0,15}$/;

export function isApiKey(token: string): boolean {
  return token.startsWith("ssp_") || token.startsWith("sk_");
}

/** The id of the key that the token names, or "" if it names none. */
export function idOf(token: string): string {
  return FORM.exec(token)?.[2] ?? "";
}

/** Shown once. Only the hash is stored. */
export function newApiKey(environment = "live"): { id: string; token: string; hash: string } {
  const id = randomBytes(8).toString("hex");
  const secret = randomBytes(32).toString("base64url");
  return { id, token: `ssp_${environment}_${id}_${secret}`, hash: hashOf(secret).toString("hex") };
}

/**
 * The caller of an existing key with the right secret. The refusal of another environment's key names that environment.
 */
export function identityOfKey(token: string, policies: Policies, environment?: string): Identity {
  const [, named, id = "", secret = ""] = FORM.exec(token) ?? [];
  if (named !== undefined && environment !== undefined && named !== environment)
    throw new Refused(`the key is for the environment "${named}", and this is "${environment}"`);
  const key = policies.key(id);
  if (!key) throw new Refused(id === "" ? "it is not an API key" : `there is no key "${id}"`);
  if (!timingSafeEqual(hashOf(secret), Buffer.from(key.hash, "hex")))
    throw new Refused(`the secret of the key "${id}" is wrong`);
  let identity = known.get(key);
  if (!identity) known.set(key, (identity = identityOf(id, key)));
  return identity;
}

/** Kept until the row of the key changes. */
const known = new WeakMap<Key, Identity>();

function identityOf(id: string, { tenant, scopes, created, expires }: Key): Identity {
  return {
    tenant,
    subject: `key:${id}`,
    scopes: new Set(scopes),
    issued: created,
    expires: expires ?? Infinity,
    source: { kind: "key", id },
  };
}

function hashOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
