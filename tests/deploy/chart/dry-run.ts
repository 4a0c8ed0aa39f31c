import { makePaths } from "#local/process/paths.ts";
import { step } from "#local/process/progress.ts";
import { command } from "#local/process/user-error.ts";
import { Cluster } from "#tests/deploy/cluster/cluster.ts";
import { ensurePackages, FOR_API } from "#tests/deploy/cluster/packages.ts";
import { tried } from "./checks.ts";

/** Every set of values before a real API server: it says what it would refuse. */
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
