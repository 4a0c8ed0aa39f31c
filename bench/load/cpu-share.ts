import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Short, so that a process without any share left does not pause for long. */
const PERIOD_US = 10_000;
const ROOT = "/sys/fs/cgroup";
/** Version 2 of cgroups if the machine has it, else version 1, with a folder for each resource. */
const second = existsSync(join(ROOT, "cgroup.controllers"));
const parent = second ? ROOT : join(ROOT, "cpu");

/** Limits each process to this share of a core, as a container does. Needs root on Linux. `end` removes the limit. */
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
