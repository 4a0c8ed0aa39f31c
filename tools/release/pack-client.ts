import { join } from "node:path";
import { parseArgs } from "node:util";
import { local } from "#local/process/paths.ts";
import { command } from "#local/process/user-error.ts";
import { packHere } from "./client-package.ts";

/** `just client-package`: the installable tarball, from the working tree as it is. */
await command(async () => {
  const { values } = parseArgs({ options: { "every-typescript": { type: "boolean", default: false } } });
  console.log(await packHere(join(local, "client-package"), values["every-typescript"]));
});
