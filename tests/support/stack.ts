import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { asRole, roleOf } from "@saasaparilla/shared/store-grants/grants.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { kafkaOptions } from "@saasaparilla/shared/kafka/settings.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { connectRedis, keysLike, redisReady } from "@saasaparilla/shared/redis/client.ts";
import { storeSettings } from "@saasaparilla/shared/settings.ts";
import { readSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { Running, type Kind, type LogLine, type Service } from "./service-process.ts";
import { AUDIENCE, ISSUER, makeKey, mint, type Algorithm, type Bearer } from "./tokens.ts";

/**
 * Services as real processes, on the Kafka, Postgres and Redis of tests/support/global-setup.ts, in a namespace of
 * their own that `close()` removes. A service that does not end, or fails at its end, fails the test; so does any
 * remaining data.
 */
export type { Kind, LogLine, Service };

export interface Stack {
  namespace: string;
  /** Settings of every service of this stack. */
  env: Record<string, string>;
  /** Those that `services` named, in that order. */
  services: Service[];
  token(bearer: Bearer): Promise<string>;
  start(kind: Kind, env?: Record<string, string>, options?: { ready?: boolean }): Promise<Service>;
  close(): Promise<void>;
}

const repository = resolve(import.meta.dirname, "../..");

export async function startStack(
  options: {
    services?: Kind[];
    namespace?: string;
    env?: Record<string, string>;
    algorithm?: Algorithm;
    /** False: one owner of each store serves all services, as in an installation without roles. */
    roles?: boolean;
    /** The checkout of the services; this one by default. */
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
  // A checkout from before the roles has one user for all.
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
    // The caller has nothing to close yet.
    await close().catch(() => undefined);
    throw error;
  }
}

const KINDS: readonly Kind[] = ["receiver", "director", "distributor", "console", "courier", "dispatcher", "recorder"];
const passwordOf = (kind: Kind): string => `${kind.toUpperCase()}_PASSWORD`;

/** Settings of one service of a stack: the stores with its own role, and no other passwords. */
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

function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (!value)
    throw new Error(
      `${name} is not set: tests/support/global-setup.ts sets it, as the global setup of vitest's project "stack".`,
    );
  return value;
}

/** Creates the namespace's topics and tables, or with --drop removes them. */
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

/** The remains of a dropped namespace. */
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
