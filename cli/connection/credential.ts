import { CliError } from "#cli/command.ts";
import type { CredentialOptions, MemberOptions } from "./options.ts";
import { readGiven } from "./read-file.ts";
import { signer } from "./signer.ts";

/** Long enough for all requests of one command. */
const SECONDS = 300;

/** The token that operators' commands send: as given, else signed here. */
export async function operatorToken(options: CredentialOptions): Promise<string> {
  const { operatorTokenFile, signingKey } = options;
  const given =
    process.env.OPERATOR_TOKEN || (operatorTokenFile && (await readGiven("--operator-token-file", operatorTokenFile)));
  if (given) return headerValue(given.trim());
  if (operatorTokenFile !== undefined) throw new CliError(`--operator-token-file ${operatorTokenFile} is empty.`);
  if (signingKey !== undefined) return (await signer(options))({ operator: "local", ttl: SECONDS });
  throw new CliError(
    "There is no credential. Set OPERATOR_TOKEN, or pass --operator-token-file FILE or --signing-key FILE.",
  );
}

/** The token of a tenant's publisher or consumer: as given, else signed here. */
export async function memberToken(options: MemberOptions, role: "publisher" | "consumer"): Promise<string> {
  const { tokenFile, signingKey, tenant, subject = role } = options;
  const given = process.env.NOTIFICATIONS_TOKEN || (tokenFile && (await readGiven("--token-file", tokenFile)));
  if (given) return headerValue(given.trim());
  if (tokenFile !== undefined) throw new CliError(`--token-file ${tokenFile} is empty.`);
  if (signingKey === undefined)
    throw new CliError(
      "There is no credential. Set NOTIFICATIONS_TOKEN, or pass --token-file FILE or --signing-key FILE.",
    );
  const sign = await signer(options);
  const who = role === "publisher" ? { publisher: subject } : { consumer: subject };
  return sign({ ...who, tenant, ttl: SECONDS });
}

/** The HTTP client's own error would print the token. */
export function headerValue(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new CliError("The token has spaces or characters that are not ASCII. Pass only the token itself.");
}
