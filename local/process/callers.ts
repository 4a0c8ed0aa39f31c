import { execFileSync } from "node:child_process";
import { isAlive, startedAt } from "./processes.ts";

const EVERY_MS = 500;

/**
 * Calls back once a process between the terminal and this one has ended. npx ends at SIGTERM without passing it on, so
 * its child processes would stay. Returns a function that stops the watch.
 */
export function onCallerGone(call: () => void): () => void {
  const callers = callersOf(process.pid).map((pid) => ({ pid, since: startedAt(pid) ?? "ended" }));
  const timer = setInterval(() => {
    if (callers.every(isAlive)) return;
    clearInterval(timer);
    call();
  }, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Callers in this process group: a shell gives each command a separate group. */
function callersOf(pid: number): number[] {
  const [parent, group] = familyOf(pid);
  const found: number[] = [];
  for (let at = parent; at > 1;) {
    const [above, itsGroup] = familyOf(at);
    if (itsGroup !== group) break;
    found.push(at);
    at = above;
  }
  return found;
}

function familyOf(pid: number): [parent: number, group: number] {
  const said = execFileSync("ps", ["-o", "ppid=,pgid=", "-p", String(pid)], { encoding: "utf8" });
  const [parent = 1, group = 0] = said.trim().split(/\s+/).map(Number);
  return [parent, group];
}
