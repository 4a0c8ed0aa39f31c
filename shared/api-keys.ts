import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { Refused, type Identity } from "./identity.ts";
import type { Access, Key } from "./access.ts";

/** `sk_`, the key's id, and its secret: of 32 random bytes, so that its plain hash is no help to who reads the table. */
const FORM = /^sk_([0-9a-f]{16})_([\w-]{43})$/;
const PREFIX = "sk_";

export function isApiKey(token: string): boolean {
  return token.startsWith(PREFIX);
}

/** Which key it says that it is; "" where it is none. */
export function idOf(token: string): string {
  return FORM.exec(token)?.[1] ?? "";
}

/** Shown once, to whoever asked for it; only the hash is kept. */
export function newApiKey(): { id: string; token: string; hash: string } {
  const id = randomBytes(8).toString("hex");
  const secret = randomBytes(32).toString("base64url");
  return { id, token: `${PREFIX}${id}_${secret}`, hash: hashOf(secret).toString("hex") };
}

/** Of a key that is there, with this secret. */
export function identityOfKey(token: string, access: Access): Identity {
  const [, id = "", secret = ""] = FORM.exec(token) ?? [];
  const key = access.key(id);
  if (!key) throw new Refused(id === "" ? "it is no API key" : `there is no key "${id}"`);
  if (!timingSafeEqual(hashOf(secret), Buffer.from(key.hash, "hex")))
    throw new Refused(`the secret of the key "${id}" is wrong`);
  let identity = known.get(key);
  if (!identity) known.set(key, (identity = identityOf(id, key)));
  return identity;
}

/** Until its row changes. */
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
