import { join } from "node:path";
import { serviceOf } from "./services.ts";

/** What the image starts: the service that its argument names, in this process, so that signals reach it. */
const [service, ...args] = process.argv.slice(2);
const main = serviceOf(service);
if (main === undefined) {
  process.stderr.write(
    `${JSON.stringify(service ?? "")} is no service. Say receiver, director, distributor, console or provision.\n`,
  );
  process.exit(64);
}

// The kernel ignores a signal to process 1 that nobody handles. Until the service does, by its own ending, this one ends it.
for (const [signal, number] of [
  ["SIGTERM", 15],
  ["SIGINT", 2],
] as const) {
  const end = (): never => process.exit(128 + number);
  process.on(signal, end);
  process.on("newListener", (event) => event === signal && process.off(signal, end));
}

const path = join(import.meta.dirname, "../services", main, "main.ts");
process.argv = [process.argv[0]!, path, ...args];
await import(path);
