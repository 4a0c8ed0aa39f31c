import { parseArgs } from "node:util";
import { askConsole } from "./console.ts";
import { Trouble, command, reasonOf } from "./trouble.ts";

const USAGE =
  "Usage: npx just explain-access --scope publish|subscribe|operate|read [--tenant NAME] [--client ID], and --token TOKEN | --subject NAME [--scopes publish,read] [--issuer NAME]";

interface Explained {
  allowed: boolean;
  subject?: string;
  checks: { check: string; holds: boolean; why?: string }[];
}

await command(async () => {
  const { tenant = "local", scope, scopes, ...rest } = parsed();
  if (scope === undefined) throw new Trouble("--scope is missing: what is to be done.", USAGE);
  const asked =
    rest.token === undefined ? { ...rest, scope, scopes: (scopes ?? scope).split(",") } : { ...rest, scope };
  const path = `/v1/tenants/${tenant}/explain-access`;
  const { allowed, subject, checks } = await askConsole<Explained>("POST", path, USAGE, asked);
  const lines = checks.map(
    ({ check, holds, why }) => `${holds ? "✓" : "✗"} ${check}${why === undefined ? "" : `: ${why}`}`,
  );
  const who = subject === undefined ? "It" : `"${subject}"`;
  process.stdout.write(`${lines.join("\n")}\n${who} ${allowed ? "may" : "may not"} do this in ${tenant}.\n`);
});

function parsed() {
  try {
    const text = { type: "string" } as const;
    const options = { tenant: text, scope: text, client: text, token: text, subject: text, scopes: text, issuer: text };
    return parseArgs({ options }).values;
  } catch (error) {
    throw new Trouble(`${reasonOf(error)}.`, USAGE, { cause: error });
  }
}
