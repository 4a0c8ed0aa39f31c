import { rowSchemas, SHARED_ALGORITHM, type RowOf } from "@saasaparilla/shared/auth/policies/schema.ts";
import { UnusableKey, usableKey } from "@saasaparilla/shared/auth/tokens/jwk.ts";
import type { SealedSecrets } from "@saasaparilla/shared/auth/tokens/sealed-secrets.ts";
import { z } from "zod";

/** 256 bits, the minimum for HS256 (RFC 7518). More than the maximum adds nothing. */
const SECRET_BYTES = { least: 32, most: 512 };

const { sealedSecret: _sealed, ...members } = rowSchemas.issuer.shape;

/** An issuer in answers: without its secret. */
export const shownIssuer = z.strictObject(members);

/** An issuer in requests. A fetched set is checked at fetch. */
export const issuerBody = z
  .strictObject({
    ...members,
    secret: z.exactOptional(
      z
        .string()
        .min(1)
        .max(2_000)
        .meta({
          description: `Only for ${SHARED_ALGORITHM}: the secret that signs its tokens, at least ${SECRET_BYTES.least} bytes. It is stored encrypted and never shown again.`,
          writeOnly: true,
        }),
    ),
    secretEncoding: z.exactOptional(
      z.enum(["utf8", "base64url"]).meta({ description: "The encoding of `secret`. By default it is plain text." }),
    ),
  })
  .superRefine(({ algorithms, jwks, jwksUrl, secret, secretEncoding }, context) => {
    const wrong = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: "custom", path, message });
    if ([jwks, jwksUrl, secret].filter((source) => source !== undefined).length !== 1)
      wrong([], "give exactly one of jwks, jwksUrl and secret");
    const shared = algorithms.includes(SHARED_ALGORITHM);
    if (shared && algorithms.length > 1)
      wrong(["algorithms"], `an issuer cannot have both a secret and public keys: use ${SHARED_ALGORITHM} alone`);
    if (shared !== (secret !== undefined))
      wrong(["algorithms"], `${SHARED_ALGORITHM} needs a secret, and every other algorithm needs jwks or jwksUrl`);
    if (secretEncoding !== undefined && secret === undefined) wrong(["secretEncoding"], "the secret is missing");
    if (secret !== undefined) {
      const why = secretProblem(secret, secretEncoding);
      if (why !== undefined) wrong(["secret"], why);
    }
    checkKeys(jwks?.keys ?? [], algorithms, wrong);
  });

export type IssuerBody = z.output<typeof issuerBody>;

export async function issuerRow(
  { secret, secretEncoding, ...row }: IssuerBody,
  secrets: SealedSecrets,
): Promise<RowOf<"issuer">> {
  if (secret === undefined) return row;
  return { ...row, sealedSecret: await secrets.seal(bytesOf(secret, secretEncoding), row.issuer) };
}

const bytesOf = (secret: string, encoding: IssuerBody["secretEncoding"] = "utf8"): Buffer =>
  Buffer.from(secret, encoding);

function secretProblem(secret: string, encoding: IssuerBody["secretEncoding"]): string | undefined {
  if (encoding === "base64url" && !/^[\w-]+$/.test(secret)) return "it is not base64url";
  const { length } = bytesOf(secret, encoding);
  if (length < SECRET_BYTES.least)
    return `it has ${length} bytes: ${SHARED_ALGORITHM} needs at least ${SECRET_BYTES.least} random bytes (256 bits)`;
  return length > SECRET_BYTES.most
    ? `it has ${length} bytes: ${SHARED_ALGORITHM} takes at most ${SECRET_BYTES.most}`
    : undefined;
}

/** A key that can verify no token is a mistake that would appear only later, as a 403. */
function checkKeys(
  keys: readonly Record<string, unknown>[],
  algorithms: readonly string[],
  wrong: (path: (string | number)[], message: string) => void,
): void {
  const ids = new Set<unknown>();
  for (const [index, key] of keys.entries()) {
    const path = ["jwks", "keys", index];
    try {
      usableKey(key, algorithms);
    } catch (error) {
      if (!(error instanceof UnusableKey)) throw error;
      wrong(path, `the key ${error.message}`);
    }
    if (ids.has(key.kid))
      wrong(path, key.kid === undefined ? "only one key may have no kid" : "another key has the same kid");
    ids.add(key.kid);
  }
}
