import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { NODE_FLAGS } from "@saasaparilla/shared/runtime/node-flags.ts";
import { onCallerGone } from "#local/process/callers.ts";
import { withFileLock } from "#local/process/file-lock.ts";
import { up } from "./platform.ts";
import { end, environment, mainOf, services, settings } from "./services.ts";
import { command, UserError } from "#local/process/user-error.ts";

/**
 * `just debug SERVICE`: the stack runs, with this service in the foreground. It has no supervisor, because that would
 * end it at a breakpoint.
 */
await command(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { port: { type: "string", default: "9229" }, brk: { type: "boolean", default: false } },
  });
  const [name] = positionals;
  const list = services(1);
  const service = list.find((one) => one.name === name);
  if (service === undefined || positionals.length > 1)
    throw new UserError(
      `${name === undefined ? "No service is named" : `There is no service ${JSON.stringify(positionals.join(" "))}`}.`,
      `Name one: npx just debug ${list.map((one) => one.name).join("|")} [--brk] [--port 9229]`,
    );
  const { KAFKA_BROKERS, DATABASE_URL, REDIS_URL } = await up();
  await withFileLock("up", () => end(service.name));
  const inspect = `--inspect${values.brk ? "-brk" : ""}=127.0.0.1:${values.port}`;
  process.stderr.write(`\n${service.name}: ctrl-C ends it. npx just up starts it again without the inspector.\n\n`);
  const child = spawn(process.execPath, [...NODE_FLAGS, inspect, mainOf(service.kind)], {
    stdio: "inherit",
    env: { ...process.env, ...environment(service, settings({ KAFKA_BROKERS, DATABASE_URL, REDIS_URL })) },
  });
  // Ctrl-C reaches both processes. This one stays until the service has ended.
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => signal === "SIGTERM" && child.kill(signal));
  onCallerGone(() => child.kill("SIGTERM"));
  process.exitCode = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
});
