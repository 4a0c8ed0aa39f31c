import { join } from "node:path";
import { serviceOf } from "./services.ts";

const CLI = "cli";

/**
 * The image's entry point. It starts the service of its argument, or `cli`, in this process, so that signals reach it.
 */
const [service, ...args] = process.argv.slice(2);
const main = service === CLI ? CLI : serviceOf(service);
if (main === undefined) {
  const given = JSON.stringify(service ?? "");
  process.stderr.write(
    `${given} is no service. Say receiver, director, distributor, console, courier, dispatcher, recorder, provision or cli.\n`,
  );
  process.exit(64);
}

// The kernel drops a signal to process 1 that has no handler. This handler ends the process until the service has its
// own. It must stay: if the last listener is removed, Node stops listening, even while another one is being added.
for (const [signal, number] of [
  ["SIGTERM", 15],
  ["SIGINT", 2],
] as const) {
  process.on(signal, () => {
    if (process.listenerCount(signal) === 1) process.exit(128 + number);
  });
}

const path = join(import.meta.dirname, "..", main === CLI ? CLI : join("services", main), "main.ts");
process.argv = [process.argv[0]!, path, ...args];
await import(path);
