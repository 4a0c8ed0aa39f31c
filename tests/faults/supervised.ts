import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { Kind, LogLine } from "../stack.ts";
import { reaped } from "./reap.ts";

const repository = resolve(import.meta.dirname, "../..");
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
const SETTLED_MS = 30_000;

/**
 * A service that is started again whenever it ends, on the same port, with the pauses of compose/local/supervise.ts. One
 * that hangs is left alone: a process that was stopped is to go on later and be a zombie.
 */
export class Supervised {
  readonly kind: Kind;
  readonly name: string;
  readonly url: string;
  env: Record<string, string>;
  /** Times that it was started. */
  starts = 0;
  /** ms, the longest of late: from its end until it served again. */
  away = 0;
  readonly #said: (line: LogLine) => void;
  readonly #log: WriteStream;
  #child: ChildProcess | undefined;
  #stopping = false;
  #run: Promise<void> | undefined;

  constructor(options: {
    kind: Kind;
    name: string;
    port: number;
    env: Record<string, string>;
    folder: string;
    said: (line: LogLine) => void;
  }) {
    this.kind = options.kind;
    this.name = options.name;
    this.url = `http://127.0.0.1:${options.port}`;
    this.env = { ...options.env, PORT: String(options.port) };
    this.#said = options.said;
    this.#log = createWriteStream(join(options.folder, `${options.name}.log`));
  }

  start(): void {
    this.#run ??= this.#keep();
  }

  async #keep(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    while (!this.#stopping) {
      const began = performance.now();
      await this.#life();
      if (this.#stopping) return;
      void this.#measure(performance.now());
      if (performance.now() - began > SETTLED_MS) pause = FIRST_PAUSE_MS;
      await sleep(pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  async #life(): Promise<void> {
    this.starts += 1;
    const child = spawn(process.execPath, [join(repository, "services", this.kind, "main.ts")], {
      env: { PATH: process.env.PATH, ...this.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = reaped(child);
    for (const stream of [child.stdout, child.stderr]) createInterface(stream).on("line", (text) => this.#line(text));
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    this.#log.write(`-- ended: ${signal ?? code}\n`);
  }

  async #measure(ended: number): Promise<void> {
    while (!this.#stopping && (await this.missing()) !== undefined) await sleep(100);
    this.away = Math.max(this.away, performance.now() - ended);
  }

  #line(text: string): void {
    this.#log.write(`${text}\n`);
    try {
      this.#said(JSON.parse(text) as LogLine);
    } catch {
      this.#said({ msg: text });
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** What it is missing, or undefined where it serves. */
  async missing(): Promise<string | undefined> {
    try {
      const response = await fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(1_000) });
      const said = await response.text();
      return response.ok ? undefined : said;
    } catch (error) {
      return String(error);
    }
  }

  async ready(patienceMs: number): Promise<void> {
    const deadline = performance.now() + patienceMs;
    for (let missing = await this.missing(); missing !== undefined; missing = await this.missing()) {
      if (performance.now() > deadline) throw new Error(`${this.name} is not ready after ${patienceMs} ms: ${missing}`);
      await sleep(50);
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.kill("SIGCONT");
    this.kill("SIGTERM");
    const late = setTimeout(() => this.kill("SIGKILL"), 8_000);
    await this.#run;
    clearTimeout(late);
    this.#log.end();
  }
}
