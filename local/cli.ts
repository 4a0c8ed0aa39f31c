import { run } from "#cli/run.ts";
import { port } from "#local/process/ports.ts";
import { command } from "#local/process/user-error.ts";
import { audience, issuer, privateFile, signingKey } from "./keys.ts";

/** The operators' commands on the local stack. Settings that the environment does not have come from this copy. */
await command(async () => {
  const args = process.argv.slice(2);
  const { env } = process;
  env.CONSOLE_URL ||= `http://localhost:${port("CONSOLE_PORT")}`;
  env.DIRECTOR_URL ||= `http://localhost:${port("DIRECTOR_PORT")}`;
  env.COURIER_URL ||= `http://localhost:${port("COURIER_PORT")}`;
  env.DISPATCHER_URL ||= `http://localhost:${port("DISPATCHER_PORT")}`;
  env.NOTIFICATIONS_URL ||= `http://localhost:${port("DISTRIBUTOR_PORT")}`;
  env.NOTIFICATIONS_TENANT ||= "local";
  env.AUTH_ISSUER ||= issuer;
  env.AUTH_AUDIENCE ||= audience;
  // These modules load clients of stores, which takes longer than running most commands.
  if (args[0] === "epoch" || args[0] === "audit")
    env.KAFKA_BROKERS ||= (await import("#local/stores/kafka.ts")).kafka.url();
  if (args[0] === "epoch" && !env.DATABASE_URL_FILE)
    env.DATABASE_URL ||= (await import("#local/stores/postgres.ts")).postgres.url();
  if (!env.SIGNING_KEY_FILE) {
    await signingKey();
    env.SIGNING_KEY_FILE = privateFile;
  }
  await run("npx just", args);
});
