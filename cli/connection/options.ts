import { Option } from "commander";
import type { CliCommand } from "#cli/command.ts";
import { baseUrl, subjectName, tenantName } from "#cli/values.ts";

/** Options for a command's address and credential. Each has a variable. A secret is never an argument. */
const group = "Connection:";

const option = (flags: string, description: string, variable: string): Option =>
  new Option(flags, description).env(variable).helpGroup(group);

export interface SigningOptions {
  signingKey?: string;
  tokenIssuer?: string;
  tokenAudience: string;
}

export interface CredentialOptions extends SigningOptions {
  operatorTokenFile?: string;
}

export interface ConsoleOptions extends CredentialOptions {
  consoleUrl?: string;
}

export interface DirectorOptions extends CredentialOptions {
  directorUrl?: string;
}

export interface CourierOptions extends CredentialOptions {
  courierUrl?: string;
}

export interface DispatcherOptions extends CredentialOptions {
  dispatcherUrl?: string;
}

/** Options for a publisher or a consumer of a tenant. */
export interface MemberOptions extends SigningOptions {
  dispatcherUrl?: string;
  tokenFile?: string;
  tenant: string;
  subject?: string;
}

export function signingOptions<C extends CliCommand>(command: C): C {
  return command
    .addOption(
      option("--signing-key <file>", "sign tokens with this private key, a JWK; - reads stdin", "SIGNING_KEY_FILE"),
    )
    .addOption(option("--token-issuer <name>", "issuer of tokens that are signed here", "AUTH_ISSUER"))
    .addOption(
      option("--token-audience <name>", "audience of tokens that are signed here", "AUTH_AUDIENCE").default(
        "notifications",
      ),
    );
}

function credentialOptions<C extends CliCommand>(command: C): C {
  return signingOptions(
    command.addOption(
      option(
        "--operator-token-file <file>",
        "an operator's token or API key, instead of OPERATOR_TOKEN; - reads stdin",
        "OPERATOR_TOKEN_FILE",
      ),
    ),
  );
}

export function consoleUrlOption(): Option {
  return option("--console-url <url>", "address of the console", "CONSOLE_URL").argParser(baseUrl);
}

export function consoleOptions<C extends CliCommand>(command: C): C {
  return credentialOptions(command.addOption(consoleUrlOption()));
}

export function directorOptions<C extends CliCommand>(command: C): C {
  return credentialOptions(
    command.addOption(option("--director-url <url>", "address of a director", "DIRECTOR_URL").argParser(baseUrl)),
  );
}

export function courierOptions<C extends CliCommand>(command: C): C {
  return credentialOptions(
    command.addOption(option("--courier-url <url>", "address of a courier", "COURIER_URL").argParser(baseUrl)),
  );
}

const dispatcherUrlOption = (): Option =>
  option("--dispatcher-url <url>", "address of a dispatcher", "DISPATCHER_URL").argParser(baseUrl);

export function dispatcherOptions<C extends CliCommand>(command: C): C {
  return credentialOptions(command.addOption(dispatcherUrlOption()));
}

/** Rights for targets come from grants of a tenant, which name publishers and consumers. */
export function memberOptions<C extends CliCommand>(command: C, role: "publisher" | "consumer"): C {
  return signingOptions(
    command
      .addOption(tenantOption())
      .option("--subject <name>", `sign a token for this ${role}; "${role}" by default`, subjectName)
      .addOption(dispatcherUrlOption())
      .addOption(tokenFileOption(`the ${role}'s token or API key, instead of NOTIFICATIONS_TOKEN`)),
  );
}

export function distributorUrlOption(): Option {
  return option("--url <url>", "address of the distributors", "NOTIFICATIONS_URL").argParser(baseUrl);
}

export function tokenFileOption(description: string): Option {
  return option("--token-file <file>", `${description}; - reads stdin`, "NOTIFICATIONS_TOKEN_FILE");
}

export function tenantOption(): Option {
  return new Option("--tenant <name>", "the tenant")
    .env("NOTIFICATIONS_TENANT")
    .default("default")
    .argParser(tenantName);
}
