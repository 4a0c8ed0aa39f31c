import { linkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode, local, makePaths, readIfThere } from "./paths.ts";
import { isAlive, startedAt } from "./processes.ts";

type Owner = { pid: number; since: string };

/** Only one process at a time has the lock: `just up` and `npm test` must not start two brokers on one folder. */
export async function withFileLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  makePaths();
  const path = join(local, `${name}.lock`);
  const mine = `${path}.${process.pid}.${crypto.randomUUID()}`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, since: startedAt(process.pid) }));
  try {
    while (!take(mine, path)) {
      breakIfAbandoned(path);
      await sleep(100);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** A link is created atomically, so no process reads a lock without its owner in it. */
function take(mine: string, path: string): boolean {
  try {
    linkSync(mine, path);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
}

function breakIfAbandoned(path: string): void {
  const text = readIfThere(path);
  if (text === undefined || isAlive(JSON.parse(text) as Owner)) return;
  const aside = `${path}.abandoned.${crypto.randomUUID()}`;
  try {
    renameSync(path, aside);
    // Another process may have broken and taken the lock in between. Then the lock is put back, because it is theirs.
    if (readIfThere(aside) !== text) linkSync(aside, path);
    rmSync(aside, { force: true });
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}
