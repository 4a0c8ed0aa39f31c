import { ALGORITHMS, SHARED_ALGORITHM } from "@saasaparilla/shared/auth/policies/schema.ts";
import { CliCommand, CliError } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, type ConsoleOptions } from "#cli/connection/options.ts";
import { readGiven } from "#cli/connection/read-file.ts";
import { printJson } from "#cli/output.ts";
import { algorithms, documentId, tenantName, words } from "#cli/values.ts";
import { given } from "./documents.ts";

interface Options extends ConsoleOptions {
  issuer: string;
  audience: string;
  jwks?: string;
  secretFile?: string;
  algorithms?: string[];
  subjectClaim?: string;
  scopeClaim?: string[];
  scopePrefix?: string;
  audienceClaim?: string;
  anyTokenSubscribes?: true;
}

const USUAL = ["EdDSA", "ES256", "RS256"];

export const issuerCommand = (): CliCommand =>
  consoleOptions(
    new CliCommand("issuer")
      .description(
        "Add an identity provider to a tenant, or replace it: the issuer of tokens that speak for the tenant.",
      )
      .argument("<tenant>", "the tenant", tenantName)
      .argument("<id>", "a name for it: 1 to 64 letters, digits, - and _", documentId)
      .requiredOption("--issuer <name>", "its name, as in iss of its tokens")
      .requiredOption("--audience <name>", "the audience of its tokens")
      .option("--jwks <url|file>", "its public keys: an https address, or a file with a JSON Web Key Set")
      .option("--secret-file <file>", "instead of --jwks: the secret that signs its tokens (HS256); - reads stdin")
      .option(
        "--algorithms <list>",
        `of ${ALGORITHMS.join(", ")}, ${SHARED_ALGORITHM}; ${USUAL.join(",")} by default`,
        algorithms,
      )
      .option("--subject-claim <name>", "the claim with the client's id; sub by default")
      .option("--scope-claim <list>", "the claims with the scopes; scope by default", words)
      .option("--scope-prefix <text>", "only scopes with this prefix count; it is removed")
      .option("--audience-claim <name>", "the claim with the audience; aud by default")
      .option("--any-token-subscribes", "each of its tokens may subscribe, whatever its scopes"),
  )
    .examples(
      "tenant issuer shop idp --issuer https://idp.example --audience notifications --jwks https://idp.example/jwks",
      "tenant issuer shop own --issuer https://shop.example --audience notifications --secret-file secret.txt",
    )
    .action(async (tenant: string, id: string, options: Options, command: CliCommand) => {
      const document = await documentOf(options, command);
      const api = await consoleApi(options);
      printJson(await api.ask("PUT", `/v1/tenants/${tenant}/issuers/${id}`, document));
    });

async function documentOf(options: Options, command: CliCommand): Promise<object> {
  const { issuer, audience, jwks, secretFile, scopeClaim, subjectClaim, scopePrefix, audienceClaim } = options;
  if ((jwks === undefined) === (secretFile === undefined))
    return command.error("Pass either --jwks or --secret-file to verify its tokens.");
  const keys =
    secretFile === undefined ? await keysAt(jwks!) : { secret: await readGiven("--secret-file", secretFile) };
  return given({
    issuer,
    audience,
    algorithms: options.algorithms ?? (secretFile === undefined ? USUAL : [SHARED_ALGORITHM]),
    ...keys,
    subjectClaim,
    scopeClaim: scopeClaim?.length === 1 ? scopeClaim[0] : scopeClaim,
    scopePrefix,
    audienceClaim,
    defaultScopes: options.anyTokenSubscribes ? ["subscribe"] : undefined,
  });
}

async function keysAt(jwks: string): Promise<object> {
  if (/^https?:/.test(jwks)) return { jwksUrl: jwks };
  const text = await readGiven("--jwks", jwks);
  try {
    return { jwks: JSON.parse(text) as object };
  } catch {
    // The parser's error would print a piece of the file, which may be a private key.
    throw new CliError(
      `--jwks ${JSON.stringify(jwks)} is not JSON. Name a file with a JSON Web Key Set (RFC 7517), or its address.`,
    );
  }
}
