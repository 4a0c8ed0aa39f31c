import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DISK_SIZE } from "./disk.ts";
import type { Rig } from "./rig.ts";
import type { StoreName } from "./stores.ts";
import type { Fault } from "./tools.ts";

/** Faults of the machine itself. A fault that the machine cannot have is skipped and reported. */
export function diskFull(store: StoreName): Fault {
  return {
    name: `disk full, of ${store}`,
    // Postgres has room in its preallocated files: it needs more only after much storing.
    load: store === "postgres" ? { habits: { roaming: 8 }, bytes: 16_000 } : {},
    async run({ rig, wait }) {
      const folder = join(rig.folder, store);
      const used = execFileSync("df", ["--output=used", "-k", folder], { encoding: "utf8" }).split("\n")[1]!.trim();
      execFileSync("mount", ["-o", `remount,size=${Number(used) + 64}k`, folder]);
      await wait(6_000, 120_000);
      execFileSync("mount", ["-o", `remount,size=${DISK_SIZE}`, folder]);
      // A store that ended without disk space is started again, as its supervisor would.
      await rig.stores[store].start();
    },
  };
}

const FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

export const canMoveClocks = (): boolean => existsSync(FAKETIME);

/**
 * A director ten minutes ahead, a distributor ten behind; the monotonic clock is unaffected, as when NTP sets a clock.
 */
export const clocks: Fault = {
  name: "clocks moved by ten minutes",
  // Reports of expiry are then wrong by ten minutes, and the checker can compare them only with the load's clock.
  load: { expiring: 0 },
  async run({ rig, wait }) {
    await moved(rig, "director", "+10m");
    await moved(rig, "distributor", "-10m");
    await moved(rig, "receiver", "+10m");
    await wait(8_000, 120_000);
    for (const { service } of rig.members) {
      if (service.env.LD_PRELOAD === undefined) continue;
      delete service.env.LD_PRELOAD;
      service.kill("SIGTERM");
    }
  },
};

async function moved(rig: Rig, kind: "director" | "distributor" | "receiver", by: string): Promise<void> {
  const { service } = rig.of(kind)[0]!;
  Object.assign(service.env, { LD_PRELOAD: FAKETIME, FAKETIME: by, FAKETIME_DONT_FAKE_MONOTONIC: "1" });
  service.kill("SIGTERM");
  await new Promise((resolve) => setTimeout(resolve, 500));
  await service.ready(60_000);
}
