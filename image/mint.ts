import { PLATFORM_TENANT } from "@saasaparilla/shared/auth/policies/schema.ts";
import { seconds } from "@saasaparilla/shared/runtime/duration.ts";
import { CLIENT_FORM, TENANT_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import { subjectProblem } from "@saasaparilla/shared/auth/subject.ts";
import { parseArgs } from "node:util";
import { importJWK, SignJWT, type JWK } from "jose";

/** Whom a token is for. `ttl` in seconds. */
export type Bearer = { tenant?: string; ttl?: number } & (
  | { client: string }
  | { publisher: string }
  | { operator: string }
);

export const OPTIONS = "--client ID | --publisher [NAME] | --operator [NAME], [--tenant NAME] [--ttl 30s|15m|1h|7d]";

const HOUR = 3600;

/** From a command's arguments. What is wrong with them is an error, which also has the usage. */
export function bearerOf(args: readonly string[], usage: string): Bearer {
  const { client, publisher, operator, tenant, ttl } = parsed(args, usage);
  for (const [option, name, problem] of [
    ["--client", client, client !== undefined && clientProblem(client)],
    ["--publisher", publisher, subjectProblem(publisher ?? "publisher")],
    ["--operator", operator, subjectProblem(operator ?? "operator")],
    ["--tenant", tenant, tenant !== undefined && tenantProblem(tenant)],
  ] as const)
    if (problem) throw new Error(`${option} ${JSON.stringify(name)} ${problem}. ${usage}`);
  const rest = {
    ...(tenant !== undefined && { tenant }),
    ...(ttl !== undefined && { ttl: seconds("--ttl", ttl, usage) }),
  };
  if ([client, publisher, operator].filter((name) => name !== undefined).length === 1) {
    if (client !== undefined) return { client, ...rest };
    if (publisher !== undefined) return { publisher, ...rest };
    if (operator !== undefined) return { operator, ...rest };
  }
  throw new Error(`A token is for either a client, a publisher or an operator. ${usage}`);
}

/** Without these, a token is minted that no service accepts. */
const clientProblem = (name: string): string | undefined =>
  CLIENT_FORM.test(name)
    ? subjectProblem(name)
    : "is no client: an id has 1 to 128 printable ASCII characters, without spaces, quotes, backslashes and braces";
const tenantProblem = (name: string): string | undefined =>
  TENANT_FORM.test(name) ? undefined : "is no tenant: a name has 1 to 64 letters, digits, - and _";

function parsed(given: readonly string[], usage: string) {
  // These may go without a name; parseArgs knows no option whose value may be missing.
  const args = given.flatMap((arg, i) =>
    ["--publisher", "--operator"].includes(arg) && (given[i + 1] ?? "--").startsWith("--")
      ? [arg, arg.slice(2)]
      : [arg],
  );
  const text = { type: "string" } as const;
  try {
    return parseArgs({ args, options: { client: text, publisher: text, operator: text, tenant: text, ttl: text } })
      .values;
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}. ${usage}`, { cause: error });
  }
}

/** A token as an identity provider would give it: clients may subscribe as themselves, publishers may publish, operators may operate. */
export async function mint(
  bearer: Bearer,
  key: JWK,
  { issuer, audience, tenant }: { issuer: string; audience: string; tenant: string },
): Promise<string> {
  const [scope, subject] =
    "client" in bearer
      ? ["subscribe", bearer.client]
      : "publisher" in bearer
        ? ["publish", bearer.publisher]
        : ["operate", bearer.operator];
  // No tenant's operators can revoke it.
  const usual = "operator" in bearer ? PLATFORM_TENANT : tenant;
  const { alg = "", kid = "" } = key;
  return new SignJWT({ tenant: bearer.tenant ?? usual, scope })
    .setProtectedHeader({ alg, typ: "JWT", kid })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + (bearer.ttl ?? HOUR))
    .sign(await importJWK(key, alg));
}
