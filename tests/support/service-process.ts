import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { reaped } from "#tests/faults/end-processes.ts";

export type Kind = "receiver" | "director" | "distributor" | "console" | "courier" | "dispatcher" | "recorder";

export type LogLine = Record<string, unknown> & { level?: string; msg?: string };

export interface Service {
  kind: Kind;
  url: string;
  pid: number;
  /** Every logged line; a line that is not JSON is in `msg`. */
  logs: LogLine[];
  /** The first matching line, past or to come. */
  logged(fits: (line: LogLine) => boolean, deadlineMs?: number): Promise<LogLine>;
  ready(deadlineMs?: number): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and waits for its end. */
  stop(): Promise<Exit>;
  exited: Promise<Exit>;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const START_MS = 90_000;
const STOP_MS = 15_000;
const all = new Set<Running>();

/** The end of the log of each service of this test file. A failure that occurs only on a busy machine needs it. */
export function lastLogs(): string {
  return [...all].map((service) => `${service.kind} ${service.pid}:\n${service.tail()}`).join("\n");
}

/** A service as a process of its own. */
export class Running implements Service {
  readonly kind: Kind;
  readonly logs: LogLine[] = [];
  readonly exited: Promise<Exit>;
  url = "";
  readonly #child: ChildProcess;
  readonly #listeners = new Set<(line: LogLine) => void>();
  #exit: Exit | undefined;
  #killed = false;

  constructor(args: readonly string[], kind: Kind, env: Record<string, string>) {
    this.kind = kind;
    const child = spawn(process.execPath, args, {
      // Nothing of the test's own environment: a setting that a test does not name has its default.
      env: { PATH: process.env.PATH, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = reaped(child);
    all.add(this);
    for (const stream of [child.stdout, child.stderr]) createInterface(stream).on("line", (text) => this.#line(text));
    this.exited = new Promise((done) => {
      child.once("close", (code, signal) => {
        this.#exit = { code, signal };
        done(this.#exit);
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async listening(): Promise<void> {
    const { port } = await this.logged(({ msg }) => msg === "listening", START_MS);
    this.url = `http://127.0.0.1:${String(port)}`;
  }

  async logged(fits: (line: LogLine) => boolean, deadlineMs = 60_000): Promise<LogLine> {
    const past = this.logs.find(fits);
    if (past) return past;
    const ended = new AbortController();
    let listener: ((line: LogLine) => void) | undefined;
    const found = new Promise<LogLine>((done) => {
      listener = (line) => fits(line) && done(line);
      this.#listeners.add(listener);
    });
    const late = sleep(deadlineMs, `within ${deadlineMs} ms`, { signal: ended.signal }).catch(() => "");
    const line = await Promise.race([found, late, this.exited.then(() => "before it ended")]);
    this.#listeners.delete(listener!);
    ended.abort();
    if (typeof line === "string")
      throw new Error(`The ${this.kind} did not log what was waited for ${line}.\n${this.tail()}`);
    return line;
  }

  async ready(deadlineMs = START_MS): Promise<void> {
    const deadline = Date.now() + deadlineMs;
    for (;;) {
      const said = await fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(2_000) }).then(
        async (response) => (response.ok ? undefined : response.text()),
        (error: unknown) => String(error),
      );
      if (said === undefined) return;
      if (this.#exit ?? Date.now() > deadline)
        throw new Error(`The ${this.kind} is not ready: ${said}\n${this.tail()}`);
      await sleep(25);
    }
  }

  kill(signal: NodeJS.Signals): void {
    if (signal === "SIGKILL") this.#killed = true;
    this.#child.kill(signal);
  }

  async stop(): Promise<Exit> {
    if (this.#exit) return this.#exit;
    this.#child.kill("SIGTERM");
    // A test may have stopped it (SIGSTOP); it could not end then.
    this.#child.kill("SIGCONT");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    const exit = await this.exited;
    clearTimeout(late);
    return exit;
  }

  /** Stops it, and reports faults of its end and of its log. */
  async end(): Promise<string[]> {
    const { code, signal } = await this.stop();
    const wrong: string[] = [];
    const ended = signal ? `by ${signal}` : `with code ${String(code)}`;
    if (!this.#killed && code !== 0) wrong.push(`The ${this.kind} ended ${ended}.\n${this.tail()}`);
    const fatal = this.logs.find(
      ({ level, msg }) => level === "fatal" || msg === "a release failed" || msg?.startsWith("a handler failed"),
    );
    if (fatal) wrong.push(`The ${this.kind} logged ${JSON.stringify(fatal)}`);
    return wrong;
  }

  #line(text: string): void {
    if (process.env.TEST_LOGS) console.error(`${this.kind} ${this.pid}: ${text}`);
    let line: LogLine;
    try {
      line = JSON.parse(text) as LogLine;
    } catch {
      line = { msg: text };
    }
    this.logs.push(line);
    for (const listener of this.#listeners) listener(line);
  }

  tail(): string {
    return this.logs
      .slice(-15)
      .map((line) => `  ${JSON.stringify(line)}`)
      .join("\n");
  }
}
