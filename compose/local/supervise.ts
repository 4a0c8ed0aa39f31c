import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { record } from "./processes.ts";
import { childOf } from "./services.ts";

// Keeps one service alive: node supervise.ts NAME MAIN. It is a process of its own, and it does so little that it has no reason to end.
const [name, main] = process.argv.slice(2);
if (name === undefined || main === undefined) throw new Error("supervise.ts NAME MAIN");

const FIRST_PAUSE = 200;
const LONGEST_PAUSE = 10_000;
/** One that ran for so long has not failed to start: the next pause is the first again. */
const SETTLED = 30_000;

const CHECK_EVERY = 5_000;
/** Until it is alive for the first time; before that, silence may be a start that waits for something. */
const FIRST_CHECK_EVERY = 300;
/** A process that is there but turns no event loop serves nobody either. */
const HUNG_AFTER = 4;

const stopping = new AbortController();
let child: ChildProcess | undefined;

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    stopping.abort();
    child?.kill("SIGTERM");
  });
}

let pause = FIRST_PAUSE;
while (!stopping.signal.aborted) {
  const began = Date.now();
  const how = await life(main);
  if (stopping.signal.aborted) break;
  pause = Date.now() - began > SETTLED ? FIRST_PAUSE : pause;
  say(`${name} ended (${how}): starting it again in ${pause} ms`);
  await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
  pause = Math.min(pause * 2, LONGEST_PAUSE);
}

/** One life of the service, from its start to its end: how it ended. */
async function life(file: string): Promise<string> {
  const current = spawn(process.execPath, [file], { stdio: ["ignore", "inherit", "inherit"] });
  child = current;
  if (current.pid !== undefined) record(childOf(name ?? ""), current.pid, "", 0);
  const ended = new AbortController();
  void watch(current, ended.signal);
  return new Promise((resolve) => {
    current.once("error", (error) => resolve(error.message));
    current.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
  }).finally(() => ended.abort()) as Promise<string>;
}

/** Ends one that was alive once and has not answered for half a minute. */
async function watch(current: ChildProcess, ended: AbortSignal): Promise<void> {
  let lived = false;
  let silent = 0;
  while (!ended.aborted) {
    await sleep(lived ? CHECK_EVERY : FIRST_CHECK_EVERY, undefined, { signal: ended }).catch(() => undefined);
    const alive = await answers();
    lived ||= alive;
    silent = alive ? 0 : silent + 1;
    if (!lived || silent < HUNG_AFTER || ended.aborted || stopping.signal.aborted) continue;
    say(`${name} has not answered ${silent} times: ending it`);
    current.kill("SIGKILL");
    return;
  }
}

async function answers(): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${process.env.PORT}/health/live`, {
      signal: AbortSignal.timeout(3000),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/** In the form of the services' own log, which it stands in. */
function say(msg: string): void {
  process.stdout.write(
    `${JSON.stringify({ level: "warn", time: new Date().toISOString(), service: "supervisor", msg })}\n`,
  );
}
