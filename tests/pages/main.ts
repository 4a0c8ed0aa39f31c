import { parseArgs } from "node:util";
import { backing } from "#local/stores/backing.ts";
import { command } from "#local/process/user-error.ts";
import { endure, TestBed } from "./endurance.ts";

/**
 * `just client-endurance`: pages in a real browser that lose their network, page and distributor, for the given
 * minutes.
 */
await command(async () => {
  const { values } = parseArgs({
    options: { minutes: { type: "string", default: "60" }, seed: { type: "string" } },
  });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  console.log(`seed ${seed}, ${values.minutes} minutes`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  Object.assign(process.env, await backing());
  const bed = await TestBed.start();
  try {
    const began = performance.now();
    const said = (line: string): void =>
      console.log(`${((performance.now() - began) / 60_000).toFixed(1).padStart(5)} min  ${line}`);
    console.log(
      JSON.stringify(await endure(bed, { minutes: Number(values.minutes), seed, everyMs: 500, said }), null, 2),
    );
  } finally {
    await bed.close();
  }
});
