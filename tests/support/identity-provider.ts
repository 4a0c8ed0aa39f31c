import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** The `iss` and `aud` of its tokens. */
const ISSUER = "https://idp.example";
const AUDIENCE = "app";

export interface IdentityProvider {
  /** An issuer's document for the console. */
  row: { issuer: string; audience: string; algorithms: string[]; jwksUrl: string };
  token(claims: object): Promise<string>;
  close(): void;
}

/** A tenant's identity provider, which serves its keys over HTTP. */
export async function startIdentityProvider(): Promise<IdentityProvider> {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "k", alg: "ES256", use: "sig" }] });
  const server = createServer((_, response) => void response.setHeader("content-type", "application/json").end(keys));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    row: { issuer: ISSUER, audience: AUDIENCE, algorithms: ["ES256"], jwksUrl: `http://127.0.0.1:${port}/jwks` },
    token: (claims) =>
      new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: "u1", scope: "subscribe", ...claims })
        .setProtectedHeader({ alg: "ES256", kid: "k" })
        .setIssuedAt()
        .setExpirationTime("5m")
        .sign(privateKey),
    close: () => server.close(),
  };
}
