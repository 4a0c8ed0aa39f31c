import { parseArgs } from "node:util";
import { makePaths } from "#local/process/paths.ts";
import { command } from "#local/process/user-error.ts";
import { ensureEngine } from "./engine.ts";
import { images, type ImageName } from "#tools/image/third-party-images.ts";
import { ensureImages } from "./stand-ins.ts";

/**
 * Docker's engine and the public images, all or the named ones: installs, starts, pulls or builds the missing ones,
 * and keeps them.
 */
await command(async () => {
  const { positionals } = parseArgs({ allowPositionals: true });
  makePaths();
  await ensureEngine();
  await ensureImages((positionals.length > 0 ? positionals : Object.keys(images)) as ImageName[]);
});
