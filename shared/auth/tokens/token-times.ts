import type { JWTPayload } from "jose";
import { LEEWAY_SECONDS, Refused } from "#auth/identity.ts";

/** Seconds: a longer lifetime is refused, unless TOKEN_MAX_SECONDS sets another limit. */
export const TOKEN_MAX_SECONDS = 366 * 24 * 60 * 60;

/**
 * `exp`, and `iat` or 0, after jose has compared exp and nbf with the clock. RFC 7519 also allows fractions, but no
 * provider writes them. Comparisons are by the second.
 */
export function timesOf(
  { exp, iat, nbf }: JWTPayload,
  now: number,
  maxSeconds: number,
): { expires: number; issued: number } {
  for (const [name, value] of Object.entries({ exp, iat, nbf }))
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0))
      throw new Refused(`the token's ${name} is not a number of seconds since 1970`);
  // jose requires exp.
  const expires = exp!;
  // A token from the future would outlive a revocation of all tokens issued until now.
  if (iat !== undefined && iat > now + LEEWAY_SECONDS) throw new Refused("the token's iat is in the future");
  if (expires - (iat ?? now) > maxSeconds) throw new Refused(`the token is valid for more than ${maxSeconds} seconds`);
  return { expires, issued: iat ?? 0 };
}
