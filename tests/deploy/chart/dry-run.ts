import { makePlaces } from "../../../compose/local/places.ts";
import { step } from "../../../compose/local/progress.ts";
import { command } from "../../../compose/local/trouble.ts";
import { Cluster } from "../cluster/cluster.ts";
import { ensurePackages, FOR_API } from "../cluster/packages.ts";
import { tried } from "./tried.ts";

/** Every set of values before a real API server: it says what it would refuse. */
await command(async () => {
  makePlaces();
  await ensurePackages(FOR_API);
  const cluster = await step("an API server", () => Cluster.api());
  try {
    process.stdout.write(`The API server: ${await tried(cluster)}\n`);
  } finally {
    await cluster.down();
  }
});
