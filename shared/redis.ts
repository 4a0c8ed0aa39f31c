import { Redis } from "ioredis";
import { messageOf } from "./errors.ts";
import type { Health } from "./health.ts";
import type { Log } from "./log.ts";
import type { ClientKey } from "./notification.ts";

export type { Redis };

/**
 * Redis is only ever a hint. A command fails at once while Redis is away (there is no offline queue to grow), and the caller
 * decides what that means; the link itself goes on reconnecting.
 */
export function connectRedis(url: string, log: Log, health: Health): Redis {
  const redis = new Redis(url, {
    enableAutoPipelining: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 2_000,
    connectTimeout: 2_000,
    retryStrategy: (times) => Math.min(100 * times, 1_000) * (0.5 + Math.random() / 2),
  });
  redis.on("ready", () => health.up("redis"));
  redis.on("close", () => health.down("redis", "the connection closed"));
  redis.on("error", (error) => {
    health.down("redis", messageOf(error));
    log.debug({ err: error }, "Redis");
  });
  return redis;
}

/** Every key that there is. Names are length-prefixed, so that none collides; a client's keys share a hash tag (Redis Cluster). */
export class Keys {
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** Hash: connection (`slot:incarnation:session`) to when it began (ms, for people to read). */
  connections(key: ClientKey): string {
    return `${this.#namespace}:c:{${key.length}:${key}}`;
  }

  /** String: the incarnation that owns the slot; its expiry is the lease. */
  slot(slot: number): string {
    return `${this.#namespace}:s:{${slot}}`;
  }

  /** String: what became of a publish with this idempotency key, or of this notification id. */
  published(tenant: string, kind: "key" | "id", name: string): string {
    return `${this.#namespace}:p:${kind}:{${tenant.length}:${tenant}:${name.length}:${name}}`;
  }
}
