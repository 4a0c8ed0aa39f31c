import { spawn } from "node:child_process";
import { watch } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { onCallerGone } from "#local/process/callers.ts";
import { repository } from "#local/process/paths.ts";
import { wanted } from "./platform.ts";
import { command } from "#local/process/user-error.ts";

/** An editor writes a file in several steps, and git many files at once. */
const QUIET_MS = 200;
const SOURCE = /(?<!\.test)\.(ts|tsx|css|json)$/;
const BUILT = /(node_modules|\/dist)\//;

/**
 * `just watch`: after an edit, the affected services restart. `just up` finds them: it compares the sources of each.
 */
await command(async () => {
  const args = process.argv.slice(2);
  wanted(args);
  onCallerGone(() => process.exit(0));
  let changed = Promise.withResolvers<void>();
  for (const folder of ["services", "shared"])
    watch(join(repository, folder), { recursive: true }, (_, file) => {
      if (file && SOURCE.test(file) && !BUILT.test(file)) changed.resolve();
    });
  for (;;) {
    // A new process reads the code again. A failure has printed its reason, and the next edit may fix it.
    const up = spawn(process.execPath, [join(import.meta.dirname, "up.ts"), ...args], { stdio: "inherit" });
    await new Promise((done) => up.once("close", done));
    process.stderr.write("watching services and shared: ctrl-C ends the watch, and the services go on\n");
    await changed.promise;
    await sleep(QUIET_MS);
    changed = Promise.withResolvers<void>();
    process.stderr.write("… restarting\n");
  }
});
