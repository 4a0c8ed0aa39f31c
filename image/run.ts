import { join } from "node:path";
import { serviceOf } from "./services.ts";

const CLI = "cli";

/** What the image starts: the service that its argument names, or `cli`, in this process, so that signals reach it. */
const [service, ...args] = process.argv.slice(2);
const main = service === CLI ? CLI : serviceOf(service);
if (main === undefined) {
  const given = JSON.stringify(service ?? "");
  process.stderr.write(`${given} is no service. Say receiver, director, distributor, console, provision or cli.\n`);
  process.exit(64);
}

// The kernel keeps from process 1 a signal that nobody handles. Until the service does, by its own ending, this one ends it. It
// stays, and counts: where the last one that listens goes, Node stops listening, though another one is just coming.
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
