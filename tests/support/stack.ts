import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";
import { asRole, roleOf } from "@saasaparilla/shared/store-grants/grants.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { kafkaOptions } from "@saasaparilla/shared/kafka/settings.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { connectRedis, keysLike, redisReady } from "@saasaparilla/shared/redis/client.ts";
import { storeSettings } from "@saasaparilla/shared/settings.ts";
import { readSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { reaped } from "#tests/faults/reap.ts";
import { AUDIENCE, ISSUER, makeKey, mint, type Algorithm, type Bearer } from "./tokens.ts";

/**
 * Services as real processes, on the Kafka, Postgres and Redis of tests/support/global-setup.ts, in a namespace of their own that
 * `close()` removes again. What does not end, ends badly or stays behind fails the test.
 */
export type Kind = "receiver" | "director" | "distributor" | "console";

export interface Stack {
  namespace: string;
  /** What every service of this stack is told. */
  env: Record<string, string>;
  /** Those that `services` named, in that order. */
  services: Service[];
  token(bearer: Bearer): Promise<string>;
  start(kind: Kind, env?: Record<string, string>, options?: { ready?: boolean }): Promise<Service>;
  close(): Promise<void>;
}

export type LogLine = Record<string, unknown> & { level?: string; msg?: string };

export interface Service {
  kind: Kind;
  url: string;
  pid: number;
  /** Every line that it logged; a line that is no JSON stands in `msg`. */
  logs: LogLine[];
  /** The first line that fits, past or to come. */
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

const repository = resolve(import.meta.dirname, "../..");
const START_MS = 90_000;
const STOP_MS = 15_000;

export async function startStack(
  options: {
    services?: Kind[];
    namespace?: string;
    env?: Record<string, string>;
    algorithm?: Algorithm;
    /** False: one owner of each store serves all services, as in an installation without roles. */
    roles?: boolean;
    /** The checkout whose services they are; this one otherwise. */
    checkout?: string;
  } = {},
): Promise<Stack> {
  const namespace = options.namespace ?? `test_${randomBytes(6).toString("hex")}`;
  const folder = await mkdtemp(join(tmpdir(), "stack-"));
  const { key, jwks } = await makeKey(folder, options.algorithm ?? "EdDSA");
  const env: Record<string, string> = {
    NAMESPACE: namespace,
    KAFKA_BROKERS: fromEnvironment("KAFKA_BROKERS"),
    DATABASE_URL: fromEnvironment("DATABASE_URL"),
    REDIS_URL: fromEnvironment("REDIS_URL"),
    HOST: "127.0.0.1",
    PORT: "0",
    AUTH_JWKS: jwks,
    AUTH_ISSUER: ISSUER,
    AUTH_AUDIENCE: AUDIENCE,
    AUTH_PRIVATE_NETWORKS: "127.0.0.0/8,::1",
    LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? "info",
    SHUTDOWN_MS: "10000",
    TENANTS: "acme,other,globex",
    ACCESS_REFRESH_MS: "200",
    ...options.env,
  };
  const { checkout = repository } = options;
  // A checkout of before the roles has one user for all.
  const roles =
    options.roles !== false &&
    ["shared/store-grants", "shared"].some((folder) => existsSync(join(checkout, folder, "grants.ts")));
  if (roles) for (const kind of KINDS) env[passwordOf(kind)] ??= randomBytes(18).toString("base64url");
  const flags = await nodeFlagsOf(checkout);
  const started: Running[] = [];
  const start: Stack["start"] = async (kind, more = {}, { ready = true } = {}) => {
    const service = new Running([...flags, join(checkout, "services", kind, "main.ts")], kind, {
      ...(roles ? serviceEnv(env, kind) : env),
      ...more,
    });
    started.push(service);
    await service.listening();
    if (ready) await service.ready();
    return service;
  };
  await provision(env, [], checkout);
  const close = async (): Promise<void> => {
    const wrong = (await Promise.all(started.map((service) => service.end()))).flat();
    await provision(env, ["--drop"], checkout);
    await rm(folder, { recursive: true });
    wrong.push(...(await leftovers(namespace, env)));
    if (wrong.length > 0) throw new Error(`The stack did not end well:\n${wrong.join("\n")}`);
  };
  try {
    const services = await Promise.all((options.services ?? []).map((kind) => start(kind)));
    return {
      namespace,
      env,
      services,
      token: (bearer) => mint(key, bearer, options.algorithm ?? "EdDSA"),
      start,
      close,
    };
  } catch (error) {
    // Whoever called has nothing yet to close.
    await close().catch(() => undefined);
    throw error;
  }
}

const KINDS: readonly Kind[] = ["receiver", "director", "distributor", "console"];
const passwordOf = (kind: Kind): string => `${kind.toUpperCase()}_PASSWORD`;

/** What one service of a stack is told: the stores by its own role, and the passwords of none. */
export function serviceEnv(env: Record<string, string>, kind: Kind): Record<string, string> {
  const told = { ...env };
  for (const one of KINDS) delete told[passwordOf(one)];
  const [name, password] = [roleOf(env.NAMESPACE!, kind), env[passwordOf(kind)]!];
  for (const address of ["DATABASE_URL", "REDIS_URL"]) told[address] = asRole(env[address]!, name, password);
  return told;
}

/** Each checkout has its own, and an older one none. */
async function nodeFlagsOf(checkout: string): Promise<readonly string[]> {
  const files = ["shared/runtime", "shared"].map((folder) => join(checkout, folder, "node-flags.ts"));
  const file = files.find((one) => existsSync(one));
  if (file === undefined) return [];
  return ((await import(file)) as { NODE_FLAGS: readonly string[] }).NODE_FLAGS;
}

class Running implements Service {
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
      throw new Error(`The ${this.kind} did not log what was waited for ${line}.\n${this.#tail()}`);
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
        throw new Error(`The ${this.kind} is not ready: ${said}\n${this.#tail()}`);
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
    // A test may have stopped it; it could not end.
    this.#child.kill("SIGCONT");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    const exit = await this.exited;
    clearTimeout(late);
    return exit;
  }

  /** Stops it, and says what is wrong with how it ended and with what it logged. */
  async end(): Promise<string[]> {
    const { code, signal } = await this.stop();
    const wrong: string[] = [];
    const ended = signal ? `by ${signal}` : `with code ${String(code)}`;
    if (!this.#killed && code !== 0) wrong.push(`The ${this.kind} ended ${ended}.\n${this.#tail()}`);
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

  #tail(): string {
    return this.logs
      .slice(-15)
      .map((line) => `  ${JSON.stringify(line)}`)
      .join("\n");
  }
}

function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (!value)
    throw new Error(
      `${name} is not set: tests/support/global-setup.ts sets it, as the global setup of vitest's project "stack".`,
    );
  return value;
}

/** Makes the namespace's topics and tables, or with --drop removes them. */
export async function provision(
  env: Record<string, string>,
  args: readonly string[] = [],
  checkout = repository,
): Promise<void> {
  const child = spawn(process.execPath, [join(checkout, "services/provision/main.ts"), ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 120_000,
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (said += text.toString()));
  const code = await new Promise((done) => child.once("close", done));
  if (code !== 0) throw new Error(`Provision ${args.join(" ")} ended with code ${String(code)}:\n${said}`);
}

/** What a dropped namespace left behind. */
async function leftovers(namespace: string, env: Record<string, string>): Promise<string[]> {
  const address = readSettings(storeSettings, env);
  const redis = connectRedis(address, createLog("test", "warn"), new Health([]));
  const admin = new Kafka({ ...kafkaOptions(address), logLevel: logLevel.NOTHING }).admin();
  try {
    await Promise.all([redisReady(redis), admin.connect()]);
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${namespace}.`));
    const keys = await keysLike(redis, `${namespace}:*`);
    return [
      ...topics.map((topic) => `The topic ${topic} is still there.`),
      ...keys.map((key) => `The Redis key ${key} is still there.`),
    ];
  } finally {
    redis.disconnect();
    await admin.disconnect();
  }
}
