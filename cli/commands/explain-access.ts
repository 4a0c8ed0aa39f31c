import { Option } from "commander";
import { SCOPES } from "@saasaparilla/shared/auth/policies/schema.ts";
import { printable, printableJson } from "@saasaparilla/shared/runtime/printable.ts";
import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, tenantOption, type ConsoleOptions } from "#cli/connection/options.ts";
import { readGiven } from "#cli/connection/read-file.ts";
import { print, printJson, JSON_OPTION } from "#cli/output.ts";
import { clientId, origin, scopes, subjectName, target } from "#cli/values.ts";

interface Explained {
  allowed: boolean;
  subject?: string;
  checks: { check: string; holds: boolean; why?: string }[];
}

interface Question {
  scope?: string;
  client?: string;
  target?: string;
  origin?: string;
  token?: string;
  tokenFile?: string;
  subject?: string;
  scopes?: string[];
  issuer?: string;
}

type Options = ConsoleOptions & Question & { tenant: string; json?: true };

/** A separate exit code, so that scripts can tell a wrong command line from a refusal. */
const MAY_NOT = 2;

export const explainAccessCommand = (): CliCommand =>
  consoleOptions(
    new CliCommand("explain-access")
      .summary("explain why a request would be allowed or not")
      .description(
        "Explain step by step why a request would be allowed or not: by a token, or by the name of a subject. Exit codes: 0 allowed, 2 not allowed, 1 unknown, also for a wrong option.",
      )
      .addOption(tenantOption())
      .addOption(new Option("--scope <scope>", "what the request is for").choices(SCOPES))
      .option("--client <id>", "the client that the request is about", clientId)
      .option("--target <target>", "the queue, group or exchange that the request names: queue/changes", target)
      .option(
        "--origin <origin>",
        "the origin of the page that connects; without other options, only the origin is checked",
        origin,
      )
      .option("--token <token>", "the token to explain; other users of this machine can see it, so prefer --token-file")
      .option("--token-file <file>", "the token to explain; - reads stdin")
      .option("--subject <name>", "instead of a token: its subject", subjectName)
      .option("--scopes <list>", "with --subject: the scopes of its token; --scope by default", scopes)
      .option("--issuer <name>", "with --subject: its issuer; the platform's own by default")
      .option(...JSON_OPTION),
  )
    .examples(
      "explain-access --tenant shop --scope subscribe --client u1 --token-file token.txt",
      "explain-access --tenant shop --scope publish --subject checkout",
      "explain-access --tenant shop --scope consume --subject feed --target queue/changes",
      "explain-access --tenant shop --origin https://shop.example",
    )
    .action(async (options: Options, command: CliCommand) => {
      const { tenant } = options;
      const question = await questionOf(options, command);
      const api = await consoleApi(options);
      const answer = await api.ask<Explained>("POST", `/v1/tenants/${tenant}/explain-access`, question);
      if (options.json) printJson(answer);
      else printAnswer(answer, tenant);
      if (!answer.allowed) process.exitCode = MAY_NOT;
    });

async function questionOf(options: Options, command: CliCommand): Promise<object> {
  const { scope, client, target, origin, token, tokenFile, subject, scopes, issuer } = options;
  const given = [token, tokenFile, subject].filter((value) => value !== undefined).length;
  const others = [client, target, scopes, issuer].some((value) => value !== undefined);
  if (scope === undefined) {
    if (origin !== undefined && given === 0 && !others) return { origin };
    return command.error(`--scope is missing: one of ${SCOPES.join(", ")}. Only --origin works without it.`);
  }
  if (given !== 1) return command.error("Pass one of --token-file, --token and --subject.");
  const about = {
    scope,
    ...(client !== undefined && { client }),
    ...(target !== undefined && { target }),
    ...(origin !== undefined && { origin }),
  };
  if (subject !== undefined)
    return { ...about, subject, scopes: scopes ?? [scope], ...(issuer !== undefined && { issuer }) };
  if (scopes !== undefined || issuer !== undefined)
    return command.error("--scopes and --issuer go with --subject: a token says both itself.");
  return { ...about, token: token ?? (await readGiven("--token-file", tokenFile!)) };
}

function printAnswer({ allowed, subject, checks }: Explained, tenant: string): void {
  for (const { check, holds, why } of checks)
    print(`${holds ? "✓" : "✗"} ${printable(check)}${why === undefined ? "" : `: ${printable(why)}`}`);
  const who = subject === undefined ? "It" : printableJson(subject);
  print(`${who} ${allowed ? "may" : "may not"} do this in ${printable(tenant)}.`);
}
