import { makePaths } from "#local/process/paths.ts";
import { step } from "#local/process/progress.ts";
import { command } from "#local/process/user-error.ts";
import { Cluster } from "#tests/deploy/cluster/cluster.ts";
import { ensurePackages, FOR_API } from "#tests/deploy/cluster/packages.ts";
import { tried } from "./checks.ts";

/** Applies every set of values to a real API server in a dry run, and reports its refusals. */
await command(async () => {
  makePaths();
  await ensurePackages(FOR_API);
  const cluster = await step("an API server", () => Cluster.api());
  try {
    process.stdout.write(`The API server: ${await tried(cluster)}\n`);
  } finally {
    await cluster.down();
  }
});
