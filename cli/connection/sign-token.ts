import { PLATFORM_TENANT } from "@saasaparilla/shared/auth/policies/schema.ts";
import { importJWK, SignJWT, type JWK } from "jose";

/** The bearer of a token. `ttl` is in seconds. */
export type Bearer = { tenant?: string; ttl?: number } & (
  | { client: string }
  | { publisher: string }
  | { operator: string }
  | { consumer: string }
);

const HOUR = 3600;

/**
 * A token like that of an identity provider. Clients may subscribe as themselves, publishers may publish, consumers may
 * read queues, and operators may operate.
 */
export async function mint(
  bearer: Bearer,
  key: JWK,
  { issuer, audience, tenant }: { issuer: string; audience: string; tenant: string },
): Promise<string> {
  const [scope, subject] = saidOf(bearer);
  // The operators of a tenant cannot revoke it.
  const usual = "operator" in bearer ? PLATFORM_TENANT : tenant;
  const { alg = "", kid = "" } = key;
  return (
    new SignJWT({ tenant: bearer.tenant ?? usual, scope })
      .setProtectedHeader({ alg, typ: "JWT", kid })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(subject)
      // A token that begins a session of the console is used up by its id.
      .setJti(crypto.randomUUID())
      .setIssuedAt()
      .setExpirationTime(Math.floor(Date.now() / 1000) + (bearer.ttl ?? HOUR))
      .sign(await importJWK(key, alg))
  );
}

function saidOf(bearer: Bearer): [scope: string, subject: string] {
  if ("client" in bearer) return ["subscribe", bearer.client];
  if ("publisher" in bearer) return ["publish", bearer.publisher];
  return "consumer" in bearer ? ["consume", bearer.consumer] : ["operate", bearer.operator];
}
