import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { vi } from "vitest";
import { ownRedisNodes, type OwnStore } from "#tests/faults/stores.ts";

const SLOTS = 16_384;
const WAIT = { timeout: 30_000, interval: 50 };

/** Three primaries that share the slots, and a fourth node that replicates the first one. */
export class RedisCluster {
  readonly nodes: readonly OwnStore[];
  readonly #folder: string;
  readonly #connections: Redis[];

  private constructor(folder: string, nodes: readonly OwnStore[]) {
    this.#folder = folder;
    this.nodes = nodes;
    this.#connections = nodes.map(({ url }) => new Redis(url, { retryStrategy: () => 100 }));
    // A killed node is reachable again once it is back.
    for (const connection of this.#connections) connection.on("error", () => {});
  }

  static async start(): Promise<RedisCluster> {
    const folder = await mkdtemp(join(tmpdir(), "redis-"));
    const cluster = new RedisCluster(folder, await ownRedisNodes(folder, 4));
    try {
      await Promise.all(cluster.nodes.map((node) => node.start()));
      await cluster.#join();
      return cluster;
    } catch (error) {
      // The caller cannot close anything yet.
      await cluster.close();
      throw error;
    }
  }

  async #join(): Promise<void> {
    const [first, ...others] = this.#connections as [Redis, ...Redis[]];
    const primaries = this.#connections.slice(0, 3);
    const edge = (index: number): number => Math.floor((SLOTS * index) / primaries.length);
    for (const [index, primary] of primaries.entries())
      await primary.call("CLUSTER", "ADDSLOTSRANGE", edge(index), edge(index + 1) - 1);
    for (const [index, other] of others.entries()) {
      const address = this.nodes[index + 1]!.address.split(":") as [string, string];
      await first.call("CLUSTER", "MEET", ...address, await busPort(other));
    }
    const replica = others.at(-1)!;
    const id = String(await first.call("CLUSTER", "MYID"));
    // It must know that node first.
    await vi.waitFor(() => replica.call("CLUSTER", "REPLICATE", id), WAIT);
    for (const one of this.#connections) await vi.waitUntil(() => ok(one), WAIT);
    await says(replica, "master_link_status:up");
  }

  /** Waits until it has become a primary, with the replicated data. */
  async promoted(index: number): Promise<void> {
    await says(this.#connections[index]!, "role:master");
  }

  /** Empties it like a node with a new disk. It still knows its place in the cluster. */
  async startEmpty(index: number): Promise<void> {
    await rm(join(this.#folder, `redis-${index + 1}`, "appendonlydir"), { recursive: true });
    await this.nodes[index]!.start();
  }

  async keys(index: number, pattern: string): Promise<string[]> {
    return this.#connections[index]!.keys(pattern);
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.disconnect();
    await Promise.all(this.nodes.map((node) => node.kill()));
    await rm(this.#folder, { recursive: true });
  }
}

async function says(node: Redis, what: string): Promise<void> {
  await vi.waitUntil(async () => (await node.info("replication")).includes(what), WAIT);
}

/** Whether it knows that all slots have running nodes. */
async function ok(node: Redis): Promise<boolean> {
  const info = String(await node.call("CLUSTER", "INFO"));
  return info.includes("cluster_state:ok") && info.includes(`cluster_slots_ok:${SLOTS}`);
}

async function busPort(node: Redis): Promise<string> {
  const [, port] = (await node.config("GET", "cluster-port")) as [string, string];
  return port;
}
