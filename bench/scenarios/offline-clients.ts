import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import type { Algorithm } from "#tests/support/tokens.ts";
import { LoadClients } from "#bench/load/load-clients.ts";
import { Meters } from "#bench/load/meters.ts";
import type { Figures } from "#bench/results/figures.ts";
import { INSPECTED, profiled, type Profile } from "#bench/results/profiler.ts";
import { checkDelivery, recordCost } from "#bench/results/record.ts";
import { clientName, dataOf, LoadPublisher } from "#bench/load/load-publisher.ts";
import { turn } from "#bench/results/interleave.ts";
import { tokensOf, webSocketOf } from "./saturation.ts";
import { until } from "#bench/load/until.ts";
import { startPlatform } from "#bench/load/platform.ts";

/** All clients reconnect at once, each with stored notifications. */
export async function comeBack(
  figures: Figures,
  work: string,
  {
    clients: count,
    each,
    runs,
    there = 0,
    aim,
    algorithm,
    profile,
  }: {
    clients: number;
    each: number;
    runs: number;
    algorithm?: Algorithm;
    /** Rows of other clients. */
    there?: number;
    aim?: number;
    profile: ((kind: string, profile: Profile) => void) | undefined;
  },
): Promise<void> {
  const stack = await startPlatform(["receiver", "director", "distributor"], profile ? INSPECTED : {}, algorithm);
  const distributor = stack.services[2]!;
  const meters = await Meters.of(stack);
  try {
    await meters.fill(there);
    // The first round only warms up: a new distributor takes half as much again.
    for (let run = 0; run <= runs; run += 1) {
      if (run > 0) await turn();
      const nameOf = (client: number): string => `${clientName(client)}-${run}`;
      const total = count * each;
      await store(stack, nameOf, count, total);
      const clients = new LoadClients({
        url: webSocketOf(distributor),
        tokens: await tokensOf(stack, count, nameOf),
      });
      const end = await meters.begin();
      const started = performance.now();
      let seconds = 0;
      const back = async (): Promise<void> => {
        const opening = clients.open();
        await clients.all(total);
        seconds = (performance.now() - started) / 1e3;
        await opening;
        await clients.allLive();
      };
      // A separate run, because profiling falsifies the figures.
      if (profile && run === 1) await profiled(stack.services, profile, back);
      else await back();
      const liveSeconds = (performance.now() - started) / 1e3;
      // Acknowledged rows are deleted later. The cost includes that.
      await until(async () => (await meters.postgresDeleted()) >= (run + 1) * total, "all of it is deleted", 200);
      const cost = await end();
      checkDelivery(clients, 0);
      await clients.close();
      if (run === 0) continue;
      figures.note(work, "until all have all", seconds, {
        unit: "s",
        better: "lower",
        ...(aim === undefined ? {} : { aim }),
      });
      figures.note(work, "until all are live", liveSeconds, { unit: "s", better: "lower" });
      figures.note(work, "connections refused for a while", clients.refusals, { unit: "times", better: "lower" });
      recordCost(figures, work, cost, total);
    }
  } finally {
    await meters.close();
    await stack.close();
  }
}

/** One client with very many stored notifications reads as fast as it can. */
export async function deep(
  figures: Figures,
  work: string,
  { stored, runs }: { stored: number; runs: number },
): Promise<void> {
  const stack = await startPlatform(["receiver", "director", "distributor"]);
  const distributor = stack.services[2]!;
  const meters = await Meters.of(stack);
  try {
    await store(stack, clientName, 1, stored);
    const tokens = await tokensOf(stack, 1);
    for (let run = 0; run < runs; run += 1) {
      await turn();
      // The client acknowledges nothing, so that each run finds all rows.
      const clients = new LoadClients({ url: webSocketOf(distributor), tokens, acknowledge: false });
      const end = await meters.begin();
      const started = performance.now();
      await clients.open();
      await clients.all(stored);
      const seconds = (performance.now() - started) / 1e3;
      const cost = await end();
      checkDelivery(clients, 0);
      figures.note(work, "replay", clients.bytes / seconds / 1e6, { unit: "MB/s", better: "higher" });
      figures.note(work, "replayed", stored / seconds, { unit: "/s", better: "higher" });
      recordCost(figures, work, cost, stored);
      await clients.close();
    }
  } finally {
    await meters.close();
    await stack.close();
  }
}

/** How fast a director stores notifications for offline clients, accepted while no director ran. */
export async function storing(
  figures: Figures,
  work: string,
  { clients, rows, runs, there = 0, aim }: { clients: number; rows: number; runs: number; there?: number; aim: number },
): Promise<void> {
  for (let run = 0; run < runs; run += 1) {
    await turn();
    const stack = await startPlatform(["receiver"]);
    const meters = await Meters.of(stack);
    try {
      await meters.fill(there);
      await send(stack, clientName, clients, rows);
      const director = await stack.start("director");
      stack.services.push(director);
      const stored = (): Promise<number> => scrapeMetric(director, "notifications_settled_total", 'how="stored"');
      // Between a tenth and nine tenths: neither its start nor the last few count.
      await until(async () => (await stored()) > rows / 10, "a tenth is stored", 20);
      const end = await meters.begin();
      const first = await stored();
      const started = performance.now();
      await until(async () => (await stored()) > rows * 0.9, "nine tenths are stored", 20);
      const passed = (await stored()) - first;
      const seconds = (performance.now() - started) / 1e3;
      const cost = await end();
      figures.note(work, "stored", passed / seconds, { unit: "rows/s", better: "higher", aim });
      recordCost(figures, work, cost, passed);
      await until(async () => (await stored()) >= rows, "all is stored", 20);
      const disk = (await meters.postgresDisk()) / (rows + there);
      figures.note(work, "Postgres disk", disk, { unit: "bytes each", better: "lower" });
    } finally {
      await meters.close();
      await stack.close();
    }
  }
}

/** Publishes to offline clients, until all rows are in Postgres. */
async function store(stack: Stack, nameOf: (client: number) => string, clients: number, total: number): Promise<void> {
  const director = stack.services.find(({ kind }) => kind === "director")!;
  const stored = (): Promise<number> => scrapeMetric(director, "notifications_settled_total", 'how="stored"');
  const before = await stored();
  await send(stack, nameOf, clients, total);
  await until(async () => (await stored()) >= before + total, `${total} are stored`);
}

async function send(stack: Stack, nameOf: (client: number) => string, clients: number, total: number): Promise<void> {
  const receiver: Service = stack.services.find(({ kind }) => kind === "receiver")!;
  const publisher = new LoadPublisher({
    url: receiver.url,
    token: await stack.token({ publisher: "load" }),
    clients,
    line: (client, n, t) => `{"to":{"client":"${nameOf(client)}"},"data":${dataOf(n, t)}}`,
  });
  await publisher.send(total);
  publisher.close();
  if (publisher.refused > 0) throw new Error(`${publisher.refused} were not accepted.`);
}
