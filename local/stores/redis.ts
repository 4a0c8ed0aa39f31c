import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { Backing } from "./backing-service.ts";
import { paths, secret } from "#local/process/paths.ts";
import { port } from "#local/process/ports.ts";
import type { Command } from "#local/process/processes.ts";
import { serverFor } from "./redis-server.ts";

/** Redis or Valkey: both have the same protocol. */
export const redis: Backing = {
  name: "redis",
  label: "Redis",
  variable: "REDIS_URL",
  ports: ["REDIS_PORT"],
  stopSignal: "SIGTERM",
  url: () => `redis://:${password()}@127.0.0.1:${port("REDIS_PORT")}`,
  command: () => redisIn(join(paths.data, "redis"), join(paths.secrets, "redis.conf"), port("REDIS_PORT"), password()),
  answers,
};

const password = (): string => secret("redis.password", () => randomBytes(18).toString("base64url"));

/**
 * Has its own data folder and port: a battery of faults needs a server without other users. `more`: configuration
 * lines.
 */
export async function redisIn(
  data: string,
  config: string,
  listen: number,
  secretWord: string,
  more: readonly string[] = [],
): Promise<Command> {
  mkdirSync(data, { recursive: true });
  // In a file, and not among the arguments, which every user of the machine can list.
  const lines = [
    "bind 127.0.0.1",
    `port ${listen}`,
    `requirepass ${secretWord}`,
    `dir "${data}"`,
    "appendonly yes",
    "appendfsync everysec",
    'save ""',
    "daemonize no",
    ...more,
  ];
  writeFileSync(config, `${lines.join("\n")}\n`, { mode: 0o600 });
  return { file: await serverFor(data), args: [config] };
}

async function answers(url: string): Promise<void> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 1000,
    commandTimeout: 2000,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
  });
  // ioredis also emits the errors that it throws, and prints error events without a listener.
  client.on("error", () => {});
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}
