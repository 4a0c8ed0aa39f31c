import { SignJWT, importJWK } from "jose";
import { audience, issuer, signingKey } from "./keys.ts";

export type Bearer = { tenant?: string; ttl?: number } & (
  | { client: string }
  | { publisher: string }
  | { operator: string }
);

const HOUR = 3600;

/** A token as an identity provider would give it: clients may subscribe as themselves, publishers may publish, operators may operate. `ttl` in seconds. */
export async function mint(bearer: Bearer): Promise<string> {
  const key = await signingKey();
  const [scope, subject] =
    "client" in bearer
      ? ["subscribe", bearer.client]
      : "publisher" in bearer
        ? ["publish", bearer.publisher]
        : ["operate", bearer.operator];
  return new SignJWT({ tenant: bearer.tenant ?? "local", scope })
    .setProtectedHeader({ alg: "EdDSA", typ: "JWT", kid: key.kid ?? "" })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + (bearer.ttl ?? HOUR))
    .sign(await importJWK(key, "EdDSA"));
}
