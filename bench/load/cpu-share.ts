import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Short, so that what has used up its share is not away for long. */
const PERIOD_US = 10_000;
const ROOT = "/sys/fs/cgroup";
/** Where it is there the second version of cgroups rules; else the first one, with a folder for each resource. */
const second = existsSync(join(ROOT, "cgroup.controllers"));
const parent = second ? ROOT : join(ROOT, "cpu");

/** Each process gets so much of a core and no more, as a container with a limit does. For root on Linux. `end` takes the limit off. */
export function limitCpu(pids: readonly number[], share: number): { end(): void } {
  const quota = PERIOD_US * share;
  for (const pid of pids) {
    mkdirSync(folderOf(pid));
    if (second) set(pid, "cpu.max", `${quota} ${PERIOD_US}`);
    else {
      set(pid, "cpu.cfs_period_us", String(PERIOD_US));
      set(pid, "cpu.cfs_quota_us", String(quota));
    }
    set(pid, "cgroup.procs", String(pid));
  }
  return {
    end() {
      for (const pid of pids) {
        writeFileSync(join(parent, "cgroup.procs"), String(pid));
        rmdirSync(folderOf(pid));
      }
    },
  };
}

const folderOf = (pid: number): string => join(parent, `bench-${pid}`);
const set = (pid: number, name: string, value: string): void => writeFileSync(join(folderOf(pid), name), value);
