import { importJWK, type JWK } from "jose";
import { CliError } from "#cli/command.ts";
import { mint, type Bearer } from "./sign-token.ts";
import type { SigningOptions } from "./options.ts";
import { readGiven } from "./read-file.ts";

/** Signs tokens with the key that --signing-key names. The key is read once: stdin cannot be read again. */
export type Sign = (bearer: Bearer) => Promise<string>;

export async function signer(options: SigningOptions, tenant = "default"): Promise<Sign> {
  const { signingKey, tokenIssuer: issuer, tokenAudience: audience } = options;
  if (signingKey === undefined)
    throw new CliError("There is no key to sign with. Pass --signing-key FILE, or set SIGNING_KEY_FILE.");
  const key = parsed(await readGiven("--signing-key", signingKey));
  // The parser's error would print a piece of the file, which is a private key.
  if (key === undefined || !(await usable(key)))
    throw new CliError(
      "--signing-key names no private key. It must be a JWK (RFC 7517) with its private member and alg, as EdDSA or ES256.",
    );
  if (issuer === undefined)
    throw new CliError("The issuer is unknown. Pass --token-issuer NAME, or set AUTH_ISSUER as the services have it.");
  return (bearer) => mint(bearer, key, { issuer, audience, tenant });
}

function parsed(text: string): JWK | undefined {
  try {
    return JSON.parse(text) as JWK;
  } catch {
    return undefined;
  }
}

async function usable(key: JWK): Promise<boolean> {
  if (typeof key.alg !== "string" || typeof key.d !== "string") return false;
  return importJWK(key).then(
    () => true,
    () => false,
  );
}
