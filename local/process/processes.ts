import { execFileSync, spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode, paths, readIfThere, writeWhole } from "./paths.ts";

/** A pid alone proves nothing: the system reuses it. With its start time it identifies one process. */
export type Process = {
  pid: number;
  since: string;
  setup: string;
  /** The offset of its part of the log. */
  logFrom: number;
};

export type Command = {
  file: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  uid?: number | undefined;
  gid?: number | undefined;
};

const pidFile = (name: string): string => join(paths.run, `${name}.json`);
export const logFile = (name: string): string => join(paths.logs, `${name}.log`);

/**
 * The start time of a process, in a form only for comparison. Undefined if it is gone, or is a zombie without a parent
 * to reap it.
 */
export function startedAt(pid: number): string | undefined {
  try {
    if (process.platform === "linux") {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // The name in brackets may hold spaces and brackets. After it: state is the 1st field, start time the 20th.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
    }
    const shown = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
    return shown === "" || shown.startsWith("Z") ? undefined : shown.replace(/^\S+\s+/, "");
  } catch (error) {
    // The process ended before or during the read. ps reports that by its exit code.
    if (
      hasCode(error, "ENOENT") ||
      hasCode(error, "ESRCH") ||
      (error instanceof Error && "status" in error && error.status === 1)
    )
      return undefined;
    throw error;
  }
}

export const isAlive = (known: Pick<Process, "pid" | "since">): boolean => startedAt(known.pid) === known.since;

/** The process that we started under this name, if it still runs. */
export function running(name: string): Process | undefined {
  const text = readIfThere(pidFile(name));
  if (text === undefined) return undefined;
  const known = JSON.parse(text) as Process;
  return isAlive(known) ? known : undefined;
}

/** Names of started processes that were not stopped yet. */
export function known(): string[] {
  try {
    return readdirSync(paths.run)
      .filter((file) => file.endsWith(".json"))
      .map((file) => file.slice(0, -".json".length));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

const LOG_LIMIT = 16 * 1024 * 1024;

function openLog(name: string): { log: number; logFrom: number } {
  const path = logFile(name);
  // Limits the size: one old log, and the current one.
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT) renameSync(path, `${path}.old`);
  const log = openSync(path, "a", 0o600);
  return { log, logFrom: fstatSync(log).size };
}

/** Starts it in a separate session, so that it outlives this command, and Ctrl-C in a terminal does not reach it. */
export async function start(name: string, command: Command, setup: string): Promise<Process> {
  const { log, logFrom } = openLog(name);
  const { file, args, env, cwd, uid, gid } = command;
  const child = spawn(file, args, {
    detached: true,
    stdio: ["ignore", log, log],
    ...(env && { env }),
    ...(cwd !== undefined && { cwd }),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  });
  closeSync(log);
  const pid = await new Promise<number>((resolve, reject) => {
    child.once("spawn", () => (child.pid === undefined ? reject(new Error(`${file} has no pid`)) : resolve(child.pid)));
    child.once("error", reject);
  });
  child.unref();
  return record(name, pid, setup, logFrom);
}

export function record(name: string, pid: number, setup: string, logFrom: number): Process {
  // A process that has ended already has no start time. It then counts as not alive.
  const started = { pid, since: startedAt(pid) ?? "ended", setup, logFrom };
  writeWhole(pidFile(name), JSON.stringify(started), 0o644);
  return started;
}

export async function stop(name: string, signal: NodeJS.Signals = "SIGTERM", patience = 15_000): Promise<boolean> {
  const process = running(name);
  if (process !== undefined) await end(process, signal, patience);
  rmSync(pidFile(name), { force: true });
  return process !== undefined;
}

async function end(target: Process, signal: NodeJS.Signals, patience: number): Promise<void> {
  send(target.pid, signal);
  const deadline = Date.now() + patience;
  while (isAlive(target)) {
    // It leads its own group, so its child processes end too.
    if (Date.now() > deadline) send(-target.pid, "SIGKILL");
    await sleep(50);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!hasCode(error, "ESRCH")) throw error;
  }
}

/** The end of a log, for a message about a failed start. */
export function ending(name: string, from = 0): string {
  const log = Buffer.from(readIfThere(logFile(name)) ?? "").subarray(from);
  const lines = log.toString().trimEnd().split("\n").slice(-12);
  return [`  ${logFile(name)} ends with`, ...lines.map((line) => `  │ ${line}`)].join("\n");
}
