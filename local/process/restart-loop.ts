import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** A process that ran this long has started well: the next pause is the shortest again. */
const SETTLED_MS = 10_000;

/** With the time limit of each check, a process that hangs is ended within 40 s. */
const CHECK_EVERY_MS = 5_000;
/** Used until it is alive for the first time. Before that, silence may be a start that waits. */
const FIRST_CHECK_EVERY_MS = 300;
const PATIENCE_MS = 3_000;
/** A process whose event loop does not turn serves no client either. */
const HUNG_AFTER = 4;

/** One service that must always be alive. */
export interface Restarted {
  /** Starts one process. */
  spawn(): ChildProcess;
  port: number;
  /** If false, a process that hangs is left alone. */
  endsHung(): boolean;
  ended(how: string, pauseMs: number): void;
  hung(silences: number): void;
}

/** Restarts the process whenever it ends, and ends it if it hangs, until `over`. */
export async function restartLoop(kept: Restarted, over: AbortSignal): Promise<void> {
  let pause = FIRST_PAUSE_MS;
  while (!over.aborted) {
    const began = performance.now();
    const how = await life(kept, over);
    if (over.aborted) return;
    if (performance.now() - began > SETTLED_MS) pause = FIRST_PAUSE_MS;
    kept.ended(how, pause);
    await rest(pause, over);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

/** Runs from its start to its end. Returns how it ended. */
async function life(kept: Restarted, over: AbortSignal): Promise<string> {
  const child = kept.spawn();
  const ended = new AbortController();
  void watch(kept, child, AbortSignal.any([ended.signal, over]));
  return new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
  }).finally(() => ended.abort());
}

/** Ends a process that was alive once and has not answered for half a minute. */
async function watch(kept: Restarted, child: ChildProcess, over: AbortSignal): Promise<void> {
  let lived = false;
  let silences = 0;
  while (!over.aborted) {
    await rest(lived ? CHECK_EVERY_MS : FIRST_CHECK_EVERY_MS, over);
    const alive = await answers(kept.port);
    lived ||= alive;
    silences = alive || !kept.endsHung() ? 0 : silences + 1;
    if (!lived || silences < HUNG_AFTER || over.aborted) continue;
    kept.hung(silences);
    child.kill("SIGKILL");
    return;
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health/live`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/** Ends early once `over` is aborted. Nothing else can fail here. */
async function rest(ms: number, over: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: over }).catch(() => undefined);
}
