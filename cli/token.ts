import { bearerOf, OPTIONS } from "#image/mint.ts";
import { signToken } from "#local/sign-token.ts";
import { warnUnlessKnown } from "./known-tenant.ts";
import { command } from "#local/process/user-error.ts";

const USAGE = `Usage: npx just token ${OPTIONS}`;

// Nothing but the token on stdout: it is made to stand in "$(just token ...)".
await command(async () => {
  const bearer = bearerOf(process.argv.slice(2), USAGE);
  const token = await signToken(bearer);
  if (bearer.tenant !== undefined) await warnUnlessKnown(bearer.tenant);
  process.stdout.write(`${token}\n`);
}, USAGE);
