import { z } from "zod";
import { isKeysAddress } from "#auth/policies/schema.ts";
import { ENVIRONMENT_FORM } from "#auth/tokens/api-keys.ts";
import { secretsKey } from "#auth/tokens/sealed-secrets.ts";
import { TOKEN_MAX_SECONDS } from "#auth/tokens/token-times.ts";
import { networks } from "#http/settings.ts";

/**
 * Settings of identity. Tokens are JWTs signed by a key of the platform's own JWKS. Tenants' issuers are in Postgres.
 */
export const identitySettings = z.object({
  AUTH_JWKS: z
    .string()
    .min(1)
    .refine((place) => !/^https?:/i.test(place) || isKeysAddress(place), "a file's path, or an https URL")
    .meta({
      description:
        "A file or an https address of the JSON Web Key Set (RFC 7517) with the public keys of the platform's own tokens. A file is read again every 30 s, an address every 10 min.",
    }),
  AUTH_PRIVATE_NETWORKS: networks.meta({
    description:
      "Private addresses and networks from which key sets may be fetched, separated by commas: 10.0.0.0/8. All others must be public, also for tenants' issuers.",
  }),
  OPERATOR_NETWORKS: networks.meta({
    description:
      "Addresses and networks from which operators may call (the scopes operate and read), with commas between them: 10.0.0.0/8. Others are refused, and audited. Without it, any.",
  }),
  AUTH_ISSUER: z.string().min(1).meta({ description: "The claim `iss` of the platform's own tokens." }),
  AUTH_AUDIENCE: z
    .string()
    .min(1)
    .default("notifications")
    .meta({ description: "The claim `aud` of tokens for this platform." }),
  TOKEN_MAX_SECONDS: z.coerce
    .number()
    .int()
    .min(60)
    .default(TOKEN_MAX_SECONDS)
    .meta({ description: "The most seconds from iat to exp. A token that is valid for longer is refused." }),
  SECRETS_KEY: secretsKey.meta({
    description:
      "The key that encrypts the secrets of HS256 issuers in Postgres: 32 bytes in base64 (openssl rand -base64 32). You can give several, separated by commas: the first encrypts, and all decrypt. Without it, no such issuer can be added.",
  }),
  MAX_WAITERS: z.coerce.number().int().min(1).default(1_000).meta({
    description:
      "The most requests whose tokens wait for keys or for their check. They count towards no other limit. Above it: 503.",
  }),
  ISSUER_WAITERS: z.coerce
    .number()
    .int()
    .min(1)
    .default(100)
    .meta({ description: "The most of these that wait for the keys of one issuer. Above it: 503." }),
  ADDRESS_WAITERS: z.coerce
    .number()
    .int()
    .min(1)
    .default(50)
    .meta({ description: "The most of these from one address that wait for keys. Above it: 429." }),
  KEY_ENVIRONMENT: z
    .string()
    .regex(ENVIRONMENT_FORM, "a lower-case letter, then at most 15 lower-case letters and digits")
    .default("live")
    .meta({
      description: "The environment in API keys: ssp_live_..., ssp_test_... A key of another environment is refused.",
    }),
  AUDIT_MAX_BYTES: z.coerce
    .number()
    .int()
    .min(1_024)
    .default(16 << 20)
    .meta({ description: "The most bytes of entries that wait for the audit log." }),
  ACCESS_REFRESH_MS: z.coerce
    .number()
    .int()
    .min(50)
    .max(30_000)
    .default(5_000)
    .meta({ description: "The interval at which Postgres is asked for changed policies, in ms." }),
});
