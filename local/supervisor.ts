import { type ChildProcess, spawn } from "node:child_process";
import { NODE_FLAGS } from "@saasaparilla/shared/runtime/node-flags.ts";
import { restartLoop } from "#local/process/restart-loop.ts";
import { record } from "#local/process/processes.ts";
import { childOf } from "./services.ts";

// Keeps one service alive: node supervisor.ts NAME MAIN. It is a separate process, too simple to fail.
const [name, main] = process.argv.slice(2);
if (name === undefined || main === undefined) throw new Error("supervise.ts NAME MAIN");

const stopping = new AbortController();
let child: ChildProcess | undefined;

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    stopping.abort();
    child?.kill("SIGTERM");
  });
}

const service = {
  port: Number(process.env.PORT),
  endsHung: () => true,
  spawn() {
    child = spawn(process.execPath, [...NODE_FLAGS, main], { stdio: ["ignore", "inherit", "inherit"] });
    if (child.pid !== undefined) record(childOf(name), child.pid, "", 0);
    return child;
  },
  ended: (how: string, pause: number) => say(`${name} ended (${how}): starting it again in ${pause} ms`),
  hung: (silences: number) => say(`${name} has not answered ${silences} times: ending it`),
};
await restartLoop(service, stopping.signal);

/** Writes in the format of the services' log, because both share a file. */
function say(msg: string): void {
  process.stdout.write(
    `${JSON.stringify({ level: "warn", time: new Date().toISOString(), service: "supervisor", msg })}\n`,
  );
}
