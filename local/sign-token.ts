import { mint as mintBy, type Bearer } from "#cli/connection/sign-token.ts";
import { audience, issuer, signingKey } from "./keys.ts";

/** Signed by the key of this copy. */
export const signToken = async (bearer: Bearer): Promise<string> =>
  mintBy(bearer, await signingKey(), { issuer, audience, tenant: "local" });
