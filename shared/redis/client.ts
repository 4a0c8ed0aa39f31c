import { once, type EventEmitter } from "node:events";
import { Cluster, Redis as Single, type RedisCommander } from "ioredis";
import { backoffMs } from "#runtime/backoff.ts";
import { Failure, messageOf } from "#runtime/errors.ts";
import type { Health } from "#runtime/health.ts";
import type { Log } from "#runtime/log.ts";
import { readPem } from "#runtime/pem.ts";

/** One Redis, or a cluster. Each command is about one key, so that both work. */
export type Redis = RedisCommander & Pick<EventEmitter, "once"> & { readonly status: string; disconnect(): void };

export interface RedisAddress {
  /** One address, or some nodes of a cluster, which name the others. The credentials are those of the first. */
  REDIS_URL: string[];
  REDIS_CLUSTER: boolean;
  REDIS_CA?: string | undefined;
  REDIS_CERT?: string | undefined;
  REDIS_KEY?: string | undefined;
}

const CLOSED = "the connection closed";
const COMMAND_MS = 2_000;
const CONNECT_MS = 2_000;
/** A cluster announces a moved key. After the loss of a node it must be asked. */
const REFRESH_MS = 1_000;
const retry = (times: number): number => backoffMs(times - 1, [100, 1_000]);

/**
 * Redis is only ever a hint. A command fails at once while Redis, or the node of its key, is down, because an offline
 * queue would grow. The caller decides what that means. The link itself reconnects without end.
 */
export function connectRedis(address: RedisAddress, log: Log, health: Health): Redis {
  const { REDIS_URL: urls, REDIS_CLUSTER: cluster } = address;
  const tls = tlsOf(address);
  const redis = cluster || urls.length > 1 ? connectCluster(urls, tls) : connectOne(urls[0]!, tls);
  // The error says more than the close that follows it.
  let reason = CLOSED;
  redis.on("ready", () => {
    reason = CLOSED;
    health.up("redis");
  });
  redis.on("close", () => health.down("redis", reason));
  redis.on("error", (error) => {
    reason = messageOf(error);
    health.down("redis", reason);
    log.debug({ err: error }, "Redis");
  });
  redis.on("node error", (error: unknown, node: unknown) => log.debug({ err: error, node }, "Redis"));
  return redis;
}

/** Undefined without TLS. */
function tlsOf({ REDIS_URL: urls, REDIS_CA: ca, REDIS_CERT: cert, REDIS_KEY: key }: RedisAddress) {
  const spoken = urls.every((url) => url.startsWith("rediss:"));
  if (!spoken && ((ca ?? cert ?? key) !== undefined || urls.some((url) => url.startsWith("rediss:"))))
    throw new Failure(
      "fatal",
      "REDIS_URL: with REDIS_CA, REDIS_CERT or REDIS_KEY each begins with rediss:, and so do all or none.",
    );
  if (!cert !== !key) throw new Failure("fatal", "REDIS_CERT and REDIS_KEY belong together: set both or neither.");
  if (!spoken) return undefined;
  return {
    ...(ca && { ca: readPem("REDIS_CA", ca) }),
    ...(cert && key && { cert: readPem("REDIS_CERT", cert), key: readPem("REDIS_KEY", key) }),
  };
}

type Tls = ReturnType<typeof tlsOf>;

function connectOne(url: string, tls: Tls): Single {
  return new Single(url, {
    ...(tls && { tls }),
    enableAutoPipelining: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_MS,
    connectTimeout: CONNECT_MS,
    retryStrategy: retry,
  });
}

/**
 * The client must not pipeline commands. If one key of a pipeline has moved, it neither repeats that command nor learns
 * the key's new node. If no node has a key's slot, it throws synchronously.
 */
function connectCluster(urls: readonly string[], tls: Tls): Cluster {
  const nodes = urls.map((url) => new URL(url));
  const { username, password } = nodes[0]!;
  const cluster = new Cluster(
    nodes.map(({ hostname, port }) => ({ host: hostname, port: Number(port || 6_379) })),
    {
      enableOfflineQueue: false,
      // The caller decides whether to retry.
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      slotsRefreshInterval: REFRESH_MS,
      clusterRetryStrategy: retry,
      clusterNodeRetryStrategy: retry,
      // By name, as in the nodes' certificates.
      dnsLookup: (address, callback) => callback(null, address),
      redisOptions: {
        ...(username !== "" && { username: decodeURIComponent(username) }),
        ...(password !== "" && { password: decodeURIComponent(password) }),
        ...(tls && { tls }),
        maxRetriesPerRequest: 0,
        commandTimeout: COMMAND_MS,
        connectTimeout: CONNECT_MS,
      },
    },
  );
  // Connects each node at once. Otherwise its first command connects it, and commands meanwhile fail. A failure here
  // emits an event, and the client retries.
  cluster.on("+node", (node: Single) => {
    if (node.options.readOnly !== true) node.connect().catch(() => {});
  });
  return cluster;
}

/** A node of a cluster is reached, for the first time or again. Its data may be gone, and no lease shows that. */
export function onNodeReached(redis: Redis, reached: () => void): void {
  if (!(redis instanceof Cluster)) return;
  const watch = (node: Single): void => void node.on("ready", reached);
  redis.nodes().forEach(watch);
  redis.on("+node", watch);
}

/** On every server, replicas too. */
export async function eachNode(redis: Redis, work: (node: Single) => Promise<unknown>): Promise<void> {
  for (const node of redis instanceof Cluster ? redis.nodes("all") : [redis as Single]) {
    // The first command to a replica starts its connection, and would fail.
    if (node.status === "wait") await node.connect();
    else if (node.status !== "ready") await once(node, "ready", { signal: AbortSignal.timeout(CONNECT_MS) });
    await work(node);
  }
}

/** Every key of this pattern, on any node. */
export async function keysLike(redis: Redis, pattern: string): Promise<string[]> {
  const keys: string[] = [];
  for (const node of redis instanceof Cluster ? redis.nodes("master") : [redis]) {
    let at = "0";
    do {
      const [next, found] = await node.scan(at, "MATCH", pattern, "COUNT", 10_000);
      keys.push(...found);
      at = next;
    } while (at !== "0");
  }
  return keys;
}

/** For callers that cannot work without Redis: it resolves once commands are accepted. */
export async function redisReady(redis: Redis): Promise<void> {
  while (redis.status !== "ready") await new Promise<void>((resolve) => redis.once("ready", () => resolve()));
}
