import { rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { all, together } from "#local/stores/backing.ts";
import { withFileLock } from "#local/process/file-lock.ts";
import { local } from "#local/process/paths.ts";
import { known, running, stop } from "#local/process/processes.ts";
import { step } from "#local/process/progress.ts";
import { end } from "./services.ts";
import { command } from "#local/process/user-error.ts";

/** Services stop first, because they settle their work with the stores. */
async function down(): Promise<void> {
  await withFileLock("up", async () => {
    const services = known()
      .map((name) => name.replace(/\.child$/, ""))
      .filter((name) => !all.some((one) => one.name === name));
    await together([...new Set(services)].map((name) => () => stopped(name, () => end(name))));
    await withFileLock("backing", () =>
      together(all.map((one) => () => stopped(one.name, () => stop(one.name, one.stopSignal)))),
    );
  });
}

async function stopped(name: string, how: () => Promise<unknown>): Promise<void> {
  if (running(name) === undefined) await how();
  else await step(`${name} stopped`, how);
}

await command(async () => {
  const { values } = parseArgs({ options: { clean: { type: "boolean", default: false } } });
  await down();
  if (values.clean) await step(".local deleted", async () => rmSync(local, { recursive: true, force: true }));
});
