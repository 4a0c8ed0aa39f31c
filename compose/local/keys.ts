import { join } from "node:path";
import { type JWK, exportJWK, generateKeyPair } from "jose";
import { locked } from "./lock.ts";
import { places, readIfThere, writeWhole } from "./places.ts";

/** Who the local stack's tokens are from and for: the services are told the same. */
export const issuer = process.env.AUTH_ISSUER || "http://localhost/saasaparilla";
export const audience = process.env.AUTH_AUDIENCE || "notifications";

/** The public half, for whoever verifies. */
export const jwksFile = join(places.keys, "jwks.json");
const privateFile = join(places.keys, "private.json");

const kept = (): JWK | undefined => {
  const text = readIfThere(privateFile);
  return text === undefined ? undefined : (JSON.parse(text) as JWK);
};

/** The key that this copy signs with, made when it is first asked for. */
export async function signingKey(): Promise<JWK> {
  return kept() ?? locked("keys", async () => kept() ?? makeKeys());
}

async function makeKeys(): Promise<JWK> {
  const { privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const secret: JWK = { ...(await exportJWK(privateKey)), kid: crypto.randomUUID(), alg: "EdDSA", use: "sig" };
  const { d: _secret, ...open } = secret;
  writeWhole(jwksFile, `${JSON.stringify({ keys: [open] }, null, 2)}\n`, 0o644);
  // Last: its being there says that both are.
  writeWhole(privateFile, `${JSON.stringify(secret, null, 2)}\n`, 0o600);
  return secret;
}
