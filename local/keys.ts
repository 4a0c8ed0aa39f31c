import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type JWK, exportJWK, generateKeyPair } from "jose";
import { withFileLock } from "#local/process/file-lock.ts";
import { paths, readIfThere, writeWhole } from "#local/process/paths.ts";

/** Issuer and audience of the local stack's tokens. The services get the same. */
export const issuer = process.env.AUTH_ISSUER || "http://localhost/saasaparilla";
export const audience = process.env.AUTH_AUDIENCE || "notifications";

/** The public half, for verifiers. */
export const jwksFile = join(paths.keys, "jwks.json");
/** The private half, for the commands of `cli/`. */
export const privateFile = join(paths.keys, "private.json");

const kept = (): JWK | undefined => {
  const text = readIfThere(privateFile);
  return text === undefined ? undefined : (JSON.parse(text) as JWK);
};

const secretsFile = join(paths.keys, "secrets.key");

/** The key that seals the secrets of issuers in this copy's Postgres, made on first use. */
export function secretsKey(): string {
  const there = readIfThere(secretsFile);
  if (there !== undefined) return there.trim();
  const made = randomBytes(32).toString("base64");
  writeWhole(secretsFile, `${made}\n`, 0o600);
  return made;
}

/** The key that this copy signs with, made on first use. */
export async function signingKey(): Promise<JWK> {
  return kept() ?? withFileLock("keys", async () => kept() ?? makeKeys());
}

async function makeKeys(): Promise<JWK> {
  const { privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const secret: JWK = { ...(await exportJWK(privateKey)), kid: crypto.randomUUID(), alg: "EdDSA", use: "sig" };
  const { d: _secret, ...open } = secret;
  writeWhole(jwksFile, `${JSON.stringify({ keys: [open] }, null, 2)}\n`, 0o644);
  // Written last: if it exists, both files exist.
  writeWhole(privateFile, `${JSON.stringify(secret, null, 2)}\n`, 0o600);
  return secret;
}
