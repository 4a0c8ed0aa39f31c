import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import type { Algorithm } from "#tests/support/tokens.ts";
import { LoadClients } from "#bench/load/load-clients.ts";
import { startBaseline } from "#bench/load/baseline.ts";
import { Meters, residentBytes, type Cost } from "#bench/load/meters.ts";
import type { Figures } from "#bench/results/figures.ts";
import { INSPECTED, Profiler, profiled, type Profile } from "#bench/results/profiler.ts";
import { openSocket } from "#bench/load/raw-sockets.ts";
import { turn } from "#bench/results/interleave.ts";
import { tokensOf, webSocketOf } from "./saturation.ts";
import { until } from "#bench/load/until.ts";
import { startPlatform } from "#bench/load/platform.ts";

export type Transport = "websocket" | "sse" | "poll";

export interface IdleOptions {
  transport: Transport;
  connections: number;
  algorithm?: Algorithm;
  runs: number;
  profile: ((kind: string, profile: Profile) => void) | undefined;
}

/** Idle connections: how fast all become live, and the memory of each. Each run has a new platform. */
export async function idle(figures: Figures, work: string, options: IdleOptions): Promise<void> {
  for (let count = 0; count < options.runs; count += 1) await once(figures, work, options);
}

async function once(
  figures: Figures,
  work: string,
  { transport, connections, algorithm, profile }: IdleOptions,
): Promise<void> {
  await turn();
  const stack = await startPlatform(["director", "distributor"], INSPECTED, algorithm);
  const [director, distributor] = stack.services as [Service, Service];
  const meters = await Meters.of(stack);
  const inspectors = {
    director: await Profiler.of(director),
    distributor: await Profiler.of(distributor),
  };
  const opened = await opener(stack, distributor, transport, connections);
  try {
    const memory = async (): Promise<Record<string, number>> => ({
      directorHeap: await inspectors.director.heap(),
      distributorHeap: await inspectors.distributor.heap(),
      distributorResident: residentBytes(distributor.pid),
      redis: await meters.redisMemory(),
    });
    const before = await memory();
    const end = await meters.begin();
    const started = performance.now();
    const open = async (): Promise<void> => {
      await opened.open();
      await opened.live();
    };
    if (profile) await profiled(stack.services, profile, open);
    else await open();
    const seconds = (performance.now() - started) / 1e3;
    const cost = await end();
    const after = await memory();
    const each = (name: string): number => (after[name]! - before[name]!) / connections;
    const lower = (name: string, value: number, unit: string, aim?: number): void =>
      figures.note(work, name, value, { unit, better: "lower", ...(aim === undefined ? {} : { aim }) });
    figures.note(work, "connects, with the whole handover", connections / seconds, {
      unit: "/s",
      better: "higher",
      aim: 5_000,
    });
    lower("distributor, resident", each("distributorResident"), "bytes each", 4_096);
    lower("distributor, heap", each("distributorHeap"), "bytes each");
    lower("director, heap", each("directorHeap"), "bytes each", 300);
    lower("Redis", each("redis"), "bytes each", 250);
    for (const [name, used] of Object.entries(cost.cpu))
      if (name !== "load") lower(`${name}, to connect`, (used / connections) * 1e6, "CPU us each");
    lower("Redis commands, to connect", cost.redisCommands / connections, "each");
    for (const topic of ["routed", "control"])
      lower(`Kafka ${topic}, to connect`, (cost.kafka[topic] ?? 0) / connections, "bytes each");
    lower("load tool", (cost.cpu.load! / seconds) * 100, "% of a core");
  } finally {
    await opened.close();
    for (const inspector of Object.values(inspectors)) inspector.close();
    await meters.close();
    await stack.close();
  }
}

/**
 * From nothing to `connected` without a director: the speed of only the distributor and Redis. Beside it is the floor:
 * only the WebSocket library, which checks no token.
 */
export async function connects(
  figures: Figures,
  work: string,
  { connections, runs, algorithm, profile }: Omit<IdleOptions, "transport">,
): Promise<void> {
  const stack = await startPlatform(["distributor"], profile ? INSPECTED : {}, algorithm);
  const [distributor] = stack.services as [Service];
  const floor = await startBaseline();
  const meters = await Meters.of(stack, { floor: floor.pid });
  // New tokens each time, because a known token is not verified again.
  const open = async (url: URL): Promise<Cost> => {
    const clients = new LoadClients({ url, tokens: await tokensOf(stack, connections) });
    const end = await meters.begin();
    await clients.open();
    await clients.until(
      () => clients.connected >= connections,
      60_000,
      () => `${clients.connected} are connected`,
    );
    const cost = await end();
    if (clients.lost > 0) throw new Error(`${clients.lost} were closed.`);
    await clients.close();
    return cost;
  };
  try {
    if (profile) await profiled(stack.services, profile, async () => void (await open(webSocketOf(distributor))));
    for (let count = 0; count < runs; count += 1) {
      await turn();
      for (const [kind, url] of [
        ["distributor", webSocketOf(distributor)],
        ["floor", floor.url],
      ] as const) {
        const { cpu, seconds } = await open(url);
        figures.note(work, kind === "floor" ? "connects, floor" : "connects", connections / seconds, {
          unit: "/s",
          better: "higher",
          ...(kind === "floor" ? {} : { aim: 10_000 }),
        });
        const each = (name: string): number => (cpu[name]! / connections) * 1e6;
        figures.note(work, kind, each(kind), { unit: "CPU us each", better: "lower" });
        figures.note(work, `load tool, ${kind}`, (cpu.load! / seconds) * 100, {
          unit: "% of a core",
          better: "lower",
        });
      }
    }
  } finally {
    floor.kill();
    await meters.close();
    await stack.close();
  }
}

/** The cost of idle connections: heartbeats, and rounds of the reconciler. It excludes the processes' own idle cost. */
export async function atRest(
  figures: Figures,
  work: string,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<void> {
  const stack = await startPlatform(["director", "distributor"]);
  const [, distributor] = stack.services as [Service, Service];
  const meters = await Meters.of(stack);
  const clients = new LoadClients({ url: webSocketOf(distributor), tokens: await tokensOf(stack, connections) });
  const cpu = async (ofSeconds: number): Promise<Map<string, number>> => {
    const end = await meters.begin();
    await sleep(ofSeconds * 1_000);
    const cost = await end();
    return new Map(Object.entries(cost.cpu).map(([name, used]) => [name, used / cost.seconds]));
  };
  try {
    const without = await cpu(seconds / 3);
    await clients.open();
    await clients.allLive();
    await turn();
    const withAll = await cpu(seconds);
    if (clients.lost > 0) throw new Error(`${clients.lost} connections ended.`);
    for (const [name, used] of withAll) {
      if (name === "load") continue;
      const own = Math.max(0, used - without.get(name)!) / connections;
      figures.note(work, name, own * 1e6, { unit: "CPU us each, a second", better: "lower" });
    }
  } finally {
    await clients.close();
    await meters.close();
    await stack.close();
  }
}

async function opener(
  stack: Stack,
  distributor: Service,
  transport: Transport,
  count: number,
): Promise<{ open(): Promise<void>; live(): Promise<void>; close(): Promise<void> }> {
  const tokens = await tokensOf(stack, count);
  if (transport === "websocket") {
    // Clients see it themselves. Polling the distributor would use its time.
    const clients = new LoadClients({ url: webSocketOf(distributor), tokens });
    return { open: () => clients.open(), live: () => clients.allLive(), close: () => clients.close() };
  }
  const path = transport === "sse" ? "/v1/sse?ack=explicit" : "/v1/poll?wait=60";
  const url = new URL(path, distributor.url);
  const sockets: Socket[] = [];
  return {
    async open() {
      // An SSE stream is open once its first bytes arrive. An open poll has no answer.
      const opened = tokens.map(
        (token) =>
          new Promise<void>((resolve, reject) => {
            const ended = (): void => reject(new Error("A connection ended before it was open."));
            const socket = openSocket(url, () => resolve(), ended);
            socket.write(
              `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
              () => transport === "poll" && resolve(),
            );
            sockets.push(socket);
          }),
      );
      await Promise.all(opened);
    },
    live: () =>
      until(async () => (await scrapeMetric(distributor, "sessions", 'state="LIVE"')) >= count, "all are live", 100),
    async close() {
      const closed = sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve)));
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
    },
  };
}
