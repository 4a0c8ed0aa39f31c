import { parseArgs } from "node:util";
import { seconds } from "./duration.ts";
import { type Bearer, mint } from "./mint.ts";
import { Trouble, command, reasonOf } from "./trouble.ts";

const USAGE =
  "Usage: npx just token --client ID | --publisher [NAME] | --operator [NAME], [--tenant NAME] [--ttl 30s|15m|1h|7d]";

function bearer(given: string[]): Bearer {
  // These may go without a name; parseArgs knows no option whose value may be missing.
  const args = given.flatMap((arg, i) =>
    ["--publisher", "--operator"].includes(arg) && (given[i + 1] ?? "--").startsWith("--")
      ? [arg, arg.slice(2)]
      : [arg],
  );
  const { client, publisher, operator, tenant, ttl } = parsed(args);
  const rest = {
    ...(tenant !== undefined && { tenant }),
    ...(ttl !== undefined && { ttl: seconds("--ttl", ttl, USAGE) }),
  };
  if ([client, publisher, operator].filter((name) => name !== undefined).length === 1) {
    if (client !== undefined) return { client, ...rest };
    if (publisher !== undefined) return { publisher, ...rest };
    if (operator !== undefined) return { operator, ...rest };
  }
  throw new Trouble("A token is for either a client, a publisher or an operator.", USAGE);
}

function parsed(args: string[]) {
  const text = { type: "string" } as const;
  try {
    const options = { client: text, publisher: text, operator: text, tenant: text, ttl: text };
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new Trouble(`${reasonOf(error)}.`, USAGE, { cause: error });
  }
}

// Nothing but the token on stdout: it is made to stand in "$(just token ...)".
await command(async () => {
  process.stdout.write(`${await mint(bearer(process.argv.slice(2)))}\n`);
});
