import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { NODE_FLAGS } from "@saasaparilla/shared/runtime/node-flags.ts";
import { repository } from "#local/process/paths.ts";
import { restartLoop } from "#local/process/restart-loop.ts";
import type { Kind, LogLine } from "#tests/support/stack.ts";
import { reaped } from "./end-processes.ts";

/** A service that is started again whenever it ends, on the same port, by the rules of the local stack. */
export class Supervised {
  readonly kind: Kind;
  readonly name: string;
  readonly url: string;
  env: Record<string, string>;
  /** The source of its next start. */
  checkout: string;
  /** Times that it was started. */
  starts = 0;
  /** The longest recent times in ms from the crash or hang: until noticed, and until it served again. */
  noticed = 0;
  away = 0;
  readonly #port: number;
  readonly #said: (line: LogLine) => void;
  readonly #log: WriteStream;
  #child: ChildProcess | undefined;
  #closed: Promise<unknown> | undefined;
  /** When it was killed or hung, until that is noticed. */
  #hurt: number | undefined;
  /** A service that is only stopped for a while is left alone: it must continue later, as a zombie. */
  #hangs = false;
  readonly #stopping = new AbortController();
  #run: Promise<void> | undefined;

  constructor(options: {
    kind: Kind;
    name: string;
    port: number;
    env: Record<string, string>;
    folder: string;
    checkout?: string | undefined;
    said: (line: LogLine) => void;
  }) {
    this.kind = options.kind;
    this.name = options.name;
    this.checkout = options.checkout ?? repository;
    this.#port = options.port;
    this.url = `http://127.0.0.1:${options.port}`;
    this.env = { ...options.env, PORT: String(options.port) };
    this.#said = options.said;
    this.#log = createWriteStream(join(options.folder, `${options.name}.log`));
  }

  start(): void {
    this.#run ??= restartLoop(
      {
        port: this.#port,
        endsHung: () => this.#hangs,
        spawn: () => this.#spawn(),
        ended: (how) => {
          this.#log.write(`-- ended: ${how}\n`);
          this.#hurt ??= performance.now();
          this.#note();
          void this.#measure(this.#hurt);
        },
        hung: () => this.#note(),
      },
      this.#stopping.signal,
    );
  }

  #spawn(): ChildProcess {
    this.starts += 1;
    const child = spawn(process.execPath, [...NODE_FLAGS, join(this.checkout, "services", this.kind, "main.ts")], {
      env: { PATH: process.env.PATH, ...this.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) createInterface(stream).on("line", (text) => this.#line(text));
    this.#closed = once(child, "close");
    return (this.#child = reaped(child));
  }

  #note(): void {
    if (this.#hurt !== undefined) this.noticed = Math.max(this.noticed, performance.now() - this.#hurt);
  }

  async #measure(hurt: number): Promise<void> {
    this.#hurt = undefined;
    this.#hangs = false;
    while (!this.#stopping.signal.aborted && (await this.missing()) !== undefined) await sleep(100);
    this.away = Math.max(this.away, performance.now() - hurt);
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
    if (signal === "SIGKILL" && this.#child?.exitCode === null && this.#child.signalCode === null)
      this.#hurt ??= performance.now();
    this.#child?.kill(signal);
  }

  /** Nothing resumes it, so its supervisor must notice. */
  async hang(patienceMs: number): Promise<void> {
    const before = this.starts;
    const deadline = performance.now() + patienceMs;
    this.#hurt = performance.now();
    this.#hangs = true;
    this.kill("SIGSTOP");
    while (this.starts === before) {
      if (performance.now() > deadline)
        throw new Error(`${this.name} hangs, and its supervisor did not notice for ${patienceMs} ms`);
      await sleep(50);
    }
  }

  /** The parts that are not ready, or undefined if it serves. */
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

  /** Restarts it like a rollout. */
  async restart(patienceMs: number): Promise<void> {
    const before = this.starts;
    this.kill("SIGTERM");
    while (this.starts === before) await sleep(50);
    await this.ready(patienceMs);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.kill("SIGCONT");
    this.kill("SIGTERM");
    const late = setTimeout(() => this.kill("SIGKILL"), 8_000);
    await this.#run;
    await this.#closed;
    clearTimeout(late);
    this.#log.end();
  }
}
