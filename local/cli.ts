import { run } from "#cli/run.ts";
import { kafka } from "#local/stores/kafka.ts";
import { postgres } from "#local/stores/postgres.ts";
import { port } from "#local/process/ports.ts";
import { command } from "#local/process/user-error.ts";
import { audience, issuer, privateFile, signingKey } from "./keys.ts";

/** The operators' commands on the local stack: what the environment does not say, this copy knows. */
await command(async () => {
  const args = process.argv.slice(2);
  const { env } = process;
  env.CONSOLE_URL ||= `http://localhost:${port("CONSOLE_PORT")}`;
  env.DIRECTOR_URL ||= `http://localhost:${port("DIRECTOR_PORT")}`;
  env.NOTIFICATIONS_URL ||= `http://localhost:${port("DISTRIBUTOR_PORT")}`;
  env.NOTIFICATIONS_TENANT ||= "local";
  env.AUTH_ISSUER ||= issuer;
  env.AUTH_AUDIENCE ||= audience;
  env.KAFKA_BROKERS ||= kafka.url();
  // Its password is made when it is first asked for.
  if (args[0] === "epoch" && !env.DATABASE_URL_FILE) env.DATABASE_URL ||= postgres.url();
  if (!env.SIGNING_KEY_FILE) {
    await signingKey();
    env.SIGNING_KEY_FILE = privateFile;
  }
  await run("npx just", args);
});
