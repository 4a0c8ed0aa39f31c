import { bearerOf, OPTIONS } from "../../image/mint.ts";
import { mint } from "./mint.ts";
import { command } from "./trouble.ts";

// Nothing but the token on stdout: it is made to stand in "$(just token ...)".
await command(async () => {
  process.stdout.write(`${await mint(bearerOf(process.argv.slice(2), `Usage: npx just token ${OPTIONS}`))}\n`);
});
