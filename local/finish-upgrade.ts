import { spawn } from "node:child_process";
import { once } from "node:events";
import { backing } from "#local/stores/backing.ts";
import { command } from "#local/process/user-error.ts";
import { mainOf, settings } from "./services.ts";

/** Finishes the upgrade of the local stack, or names the processes that are too old. `npx just up` also does this. */
await command(async () => {
  const env = { ...process.env, ...settings(await backing()), PORT: "0" };
  const args = [mainOf("provision"), "--finish-upgrade", ...process.argv.slice(2)];
  const [code] = (await once(spawn(process.execPath, args, { env, stdio: "inherit" }), "close")) as [number | null];
  process.exitCode = code ?? 1;
});
