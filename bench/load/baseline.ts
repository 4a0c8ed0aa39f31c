import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Stack } from "#tests/support/stack.ts";
import { LoadClients } from "./load-clients.ts";
import { Meters } from "./meters.ts";
import { dataOf, LoadPublisher } from "./load-publisher.ts";
import { startPlatform } from "./platform.ts";

/** As long as what the distributor writes before the data. */
const HEAD = `{"type":"notification","id":"00000000-0000-4000-8000-000000000000","cursor":"${"0".repeat(25)}","publishedAt":"2026-01-01T00:00:00.000Z","data":`;

export interface BaselineServer {
  pid: number;
  port: number;
  url: URL;
  kill(): void;
}

/** baseline-server.ts as a process. */
export async function startBaseline(): Promise<BaselineServer> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "baseline-server.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  // Should this be ended without kill(), it does not outlive it.
  process.once("exit", () => child.kill());
  const port = await new Promise<number>((resolve, reject) => {
    child.once("exit", () => reject(new Error("The floor ended.")));
    createInterface(child.stdout).once("line", (line) => resolve((JSON.parse(line) as { port: number }).port));
  });
  return { pid: child.pid!, port, url: new URL(`ws://127.0.0.1:${port}/v1/ws`), kill: () => child.kill() };
}

/** Its clients, and who publishes to it. */
export class Baseline {
  readonly clients: LoadClients;
  readonly publisher: LoadPublisher;
  readonly meters: Meters;
  readonly #server: BaselineServer;
  readonly #stack: Stack;

  private constructor(
    server: BaselineServer,
    stack: Stack,
    parts: { clients: LoadClients; publisher: LoadPublisher; meters: Meters },
  ) {
    this.#server = server;
    this.#stack = stack;
    this.clients = parts.clients;
    this.publisher = parts.publisher;
    this.meters = parts.meters;
  }

  static async open(count: number, sampleEvery: number): Promise<Baseline> {
    const floor = await startBaseline();
    const url = `http://127.0.0.1:${floor.port}`;
    // The meters want a platform; nothing of it runs.
    const stack = await startPlatform([]);
    const meters = await Meters.of(stack, { floor: floor.pid });
    const clients = new LoadClients({
      url: floor.url,
      tokens: Array.from({ length: count }, (_, index) => String(index)),
      sampleEvery,
    });
    const publisher = new LoadPublisher({
      url,
      token: "none",
      clients: count,
      path: "/deliver",
      line: (client, n, t) => `${client} ${HEAD}${dataOf(n, t)}}`,
    });
    await clients.open();
    await clients.allLive();
    return new Baseline(floor, stack, { clients, publisher, meters });
  }

  async close(): Promise<void> {
    this.publisher.close();
    await this.clients.close();
    await this.meters.close();
    await this.#stack.close();
    this.#server.kill();
  }
}
