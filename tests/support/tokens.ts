import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from "jose";

/** Tokens that a stack's services accept. */
export const ISSUER = "http://tests/saasaparilla";
export const AUDIENCE = "notifications";

/** The key that signs tokens. */
export type Algorithm = "EdDSA" | "ES256" | "RS256";

export type Bearer = ({ client: string } | { publisher: string }) & { tenant?: string; ttl?: number; scope?: string };

/** A key for a stack: its public half is in a file of the folder. */
export async function makeKey(folder: string, alg: Algorithm): Promise<{ key: CryptoKey; jwks: string }> {
  const { privateKey, publicKey } = await generateKeyPair(alg);
  const jwks = join(folder, "jwks.json");
  await writeFile(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "test", alg, use: "sig" }] }));
  return { key: privateKey, jwks };
}

export async function mint(key: CryptoKey, bearer: Bearer, alg: Algorithm, kid = "test"): Promise<string> {
  const client = "client" in bearer;
  return new SignJWT({ tenant: bearer.tenant ?? "acme", scope: bearer.scope ?? (client ? "subscribe" : "publish") })
    .setProtectedHeader({ alg, typ: "JWT", kid })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject(client ? bearer.client : bearer.publisher)
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + (bearer.ttl ?? 3600))
    .sign(key);
}
