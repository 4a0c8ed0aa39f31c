import { command } from "#local/process/user-error.ts";
import { port } from "#local/process/ports.ts";
import { signInLink } from "./sign-in-link.ts";

/** Prints a link that signs the developer in to the console once. */
await command(async () => {
  process.stdout.write(`${await signInLink(`http://localhost:${port("CONSOLE_PORT")}`)}\n`);
});
