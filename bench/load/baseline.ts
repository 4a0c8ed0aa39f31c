import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Stack } from "#tests/support/stack.ts";
import { LoadClients } from "./load-clients.ts";
import { Meters } from "./meters.ts";
import { dataOf, LoadPublisher } from "./load-publisher.ts";
import { startPlatform } from "./platform.ts";

/** As long as the part of a frame that the distributor writes before the data. */
const HEAD = `{"type":"notification","id":"00000000-0000-4000-8000-000000000000","cursor":"${"0".repeat(25)}","publishedAt":"2026-01-01T00:00:00.000Z","data":`;

export interface BaselineServer {
  pid: number;
  port: number;
  url: URL;
  kill(): void;
}

/** Starts baseline-server.ts in a separate process. */
export async function startBaseline(): Promise<BaselineServer> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "baseline-server.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  // The child ends with this process, even without kill().
  process.once("exit", () => child.kill());
  const port = await new Promise<number>((resolve, reject) => {
    child.once("exit", () => reject(new Error("The floor ended.")));
    createInterface(child.stdout).once("line", (line) => resolve((JSON.parse(line) as { port: number }).port));
  });
  return { pid: child.pid!, port, url: new URL(`ws://127.0.0.1:${port}/v1/ws`), kill: () => child.kill() };
}

/** The floor with its clients and its publisher. */
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
    // The meters need a platform. None of its services run.
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
