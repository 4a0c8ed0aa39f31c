import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer } from "node:net";
import type { Backing } from "#local/stores/backing-service.ts";
import { kafka, kafkaIn } from "#local/stores/kafka.ts";
import { withFileLock } from "#local/process/file-lock.ts";
import { postgres, postgresIn } from "#local/stores/postgres.ts";
import type { Command } from "#local/process/processes.ts";
import { redis, redisIn } from "#local/stores/redis.ts";
import { reaped } from "./end-processes.ts";

export type StoreName = "kafka" | "postgres" | "redis";

const PATIENCE_MS = 90_000;

/** A Kafka, Postgres or Redis only for this battery, so that its death affects nothing else. */
export class OwnStore {
  readonly name: StoreName;
  readonly url: string;
  /** host:port */
  readonly address: string;
  readonly #backing: Backing;
  readonly #command: () => Promise<Command>;
  readonly #log: string;
  #child: ChildProcess | undefined;

  constructor(options: {
    name: StoreName;
    url: string;
    address: string;
    backing: Backing;
    command: () => Promise<Command>;
    log: string;
  }) {
    this.name = options.name;
    this.url = options.url;
    this.address = options.address;
    this.#backing = options.backing;
    this.#command = options.command;
    this.#log = options.log;
  }

  /**
   * Resolves once it answers. If it ends during its start, for example because of its own lock, it is started again.
   */
  async start(): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    // Its files may be created again each time, in a folder that other copies also use.
    const { file, args, env, cwd, uid, gid } = await withFileLock("backing", this.#command);
    for (;;) {
      if (this.#child === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) {
        const log = openSync(this.#log, "a");
        const options = { stdio: ["ignore", log, log] as ["ignore", number, number], ...(cwd && { cwd }) };
        // A signal to its group also ends Postgres' children.
        this.#child = reaped(spawn(file, args, { ...options, detached: true, ...(env && { env }), ...as(uid, gid) }));
        closeSync(log);
      }
      try {
        await this.#backing.answers(this.url);
        return;
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`${this.name} does not start: see ${this.#log}`, { cause: error });
      }
      await sleep(200);
    }
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (!child || !this.running) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  async stop(): Promise<void> {
    await this.kill(this.#backing.stopSignal);
  }
}

const as = (uid: number | undefined, gid: number | undefined) => ({
  ...(uid !== undefined && { uid }),
  ...(gid !== undefined && { gid }),
});

export async function ownStores(folder: string): Promise<Record<StoreName, OwnStore>> {
  const password = randomBytes(12).toString("base64url");
  const [broker, controller, sql, cache] = (await freePorts(4)) as [number, number, number, number];
  const of = (name: StoreName, port: number, url: string, backing: Backing, command: () => Promise<Command>) =>
    new OwnStore({ name, url, address: `127.0.0.1:${port}`, backing, command, log: join(folder, `${name}.log`) });
  return {
    kafka: of("kafka", broker, `127.0.0.1:${broker}`, kafka, () =>
      kafkaIn(join(folder, "kafka", "data"), broker, controller),
    ),
    postgres: of("postgres", sql, `postgres://notifications:${password}@127.0.0.1:${sql}/postgres`, postgres, () =>
      postgresIn(join(folder, "postgres", "data"), sql, password),
    ),
    redis: of("redis", cache, `redis://:${password}@127.0.0.1:${cache}`, redis, () =>
      redisIn(join(folder, "redis"), join(folder, "redis.conf"), cache, password),
    ),
  };
}

/** Brokers of one cluster; each is started, and disturbed, on its own. */
export async function ownBrokers(folder: string, count: number): Promise<OwnStore[]> {
  const ports = await freePorts(2 * count);
  const controllers = ports.slice(count);
  const cluster = randomBytes(16).toString("base64url");
  return ports.slice(0, count).map((port, index) => {
    const node = index + 1;
    const address = `127.0.0.1:${port}`;
    const data = join(folder, `kafka-${node}`);
    const command = () => kafkaIn(data, port, controllers[index]!, { cluster, node, controllers });
    return new OwnStore({ name: "kafka", url: address, address, backing: kafka, command, log: `${data}.log` });
  });
}

/** Redis nodes of a future cluster: they do not know each other yet. */
export async function ownRedisNodes(folder: string, count: number): Promise<OwnStore[]> {
  const ports = await freePorts(2 * count);
  const password = randomBytes(12).toString("base64url");
  return ports.slice(0, count).map((port, index) => {
    const data = join(folder, `redis-${index + 1}`);
    const lines = [
      "cluster-enabled yes",
      `cluster-port ${ports[count + index]}`,
      "cluster-node-timeout 1000",
      // Data on the other nodes stays available while one is away.
      "cluster-require-full-coverage no",
      `masterauth ${password}`,
    ];
    const url = `redis://:${password}@127.0.0.1:${port}`;
    const command = () => redisIn(data, `${data}.conf`, port, password, lines);
    return new OwnStore({
      name: "redis",
      url,
      address: `127.0.0.1:${port}`,
      backing: redis,
      command,
      log: `${data}.log`,
    });
  });
}

/**
 * Unused ports, each once. They lie below the kernel's range for outgoing connections, which could take one before its
 * service is started or restarted.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(20_000, 32_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
