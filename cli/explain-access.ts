import { parseArgs } from "node:util";
import { askConsole } from "./console-client.ts";
import { printable, printableJson } from "@saasaparilla/shared/runtime/printable.ts";
import { UserError, command, reasonOf } from "#local/process/user-error.ts";

const USAGE =
  "Usage: npx just explain-access [--tenant NAME] --scope publish|subscribe|operate|read [--client ID] [--origin ORIGIN], and --token TOKEN | --subject NAME [--scopes publish,read] [--issuer NAME]; or --origin ORIGIN alone. It ends with 0 where access is allowed, 2 where it is not, 1 where it cannot tell.";

interface Explained {
  allowed: boolean;
  subject?: string;
  checks: { check: string; holds: boolean; why?: string }[];
}

await command(async () => {
  const { tenant = "local", ...rest } = parsed();
  const asked = askedOf(rest);
  const path = `/v1/tenants/${encodeURIComponent(tenant)}/explain-access`;
  const { allowed, subject, checks } = await askConsole<Explained>("POST", path, USAGE, asked);
  const lines = checks.map(
    ({ check, holds, why }) => `${holds ? "✓" : "✗"} ${check}${why === undefined ? "" : `: ${printable(why)}`}`,
  );
  const who = subject === undefined ? "It" : printableJson(subject);
  process.stdout.write(`${lines.join("\n")}\n${who} ${allowed ? "may" : "may not"} do this in ${printable(tenant)}.\n`);
  if (!allowed) process.exitCode = 2;
}, USAGE);

type Given = ReturnType<typeof parsed>;

function askedOf({ scope, scopes, ...rest }: Omit<Given, "tenant">): object {
  if (scope === undefined) {
    const { origin, ...more } = rest;
    if (origin !== undefined && Object.values(more).every((value) => value === undefined)) return { origin };
    throw new UserError("--scope is missing: what the request is for.", USAGE);
  }
  return rest.token === undefined ? { ...rest, scope, scopes: (scopes ?? scope).split(",") } : { ...rest, scope };
}

function parsed() {
  try {
    const text = { type: "string" } as const;
    const about = { tenant: text, scope: text, client: text, origin: text };
    return parseArgs({ options: { ...about, token: text, subject: text, scopes: text, issuer: text } }).values;
  } catch (error) {
    throw new UserError(`${reasonOf(error)}.`, USAGE, { cause: error });
  }
}
