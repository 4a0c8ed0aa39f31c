import { parseArgs } from "node:util";
import { makePlaces } from "../../compose/local/places.ts";
import { command } from "../../compose/local/trouble.ts";
import { ensureEngine } from "./engine.ts";
import { images, type ImageName } from "./images.ts";
import { ensureImages } from "./stand-ins.ts";

/** Docker's engine and the public images, all or those named: what is missing is installed, started, pulled or built, and stays. */
await command(async () => {
  const { positionals } = parseArgs({ allowPositionals: true });
  makePlaces();
  await ensureEngine();
  await ensureImages((positionals.length > 0 ? positionals : Object.keys(images)) as ImageName[]);
});
