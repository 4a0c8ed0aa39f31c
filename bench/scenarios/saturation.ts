import { setTimeout as sleep } from "node:timers/promises";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import type { Kind, Service, Stack } from "#tests/support/stack.ts";
import { LoadClients } from "#bench/load/load-clients.ts";
import { Meters, residentBytes } from "#bench/load/meters.ts";
import type { Figures } from "#bench/results/figures.ts";
import { INSPECTED, profiled, type Profile } from "#bench/results/profiler.ts";
import { checkDelivery, recordCost, recordLatency, recordServices } from "#bench/results/record.ts";
import { clientName, LoadPublisher } from "#bench/load/load-publisher.ts";
import { Samples } from "#bench/load/samples.ts";
import { startPlatform } from "#bench/load/platform.ts";
import { turn } from "#bench/results/interleave.ts";

export interface UnicastOptions {
  clients: number;
  /** Notifications a second; undefined for full speed. */
  rate: number | undefined;
  runs: number;
  seconds: number;
  /** The value of TIMELINE_FOLLOW, with a recorder beside the others. */
  follow?: string;
  /** Services that these notifications do not need. */
  beside?: readonly Kind[];
  aims?: { cpu?: number; p50?: number; p99?: number };
  /** Receives the CPU profile of each service, from a separate run before the others. */
  profile?: ((kind: string, profile: Profile) => void) | undefined;
}

/** At full speed: the most notifications that are published and not yet received. */
export const UNDER_WAY = 4_000;
/** At 5,000/s V8 needs this long to compile functions that run rarely. */
const WARM_SECONDS = 12;

/** Each notification goes to one connected client. */
export async function unicast(figures: Figures, work: string, options: UnicastOptions): Promise<void> {
  const { aims = {}, beside = [], follow } = options;
  const stack = await startPlatform(
    ["receiver", "director", "distributor", ...beside, ...(follow === undefined ? [] : (["recorder"] as const))],
    { ...(options.profile && INSPECTED), ...(follow !== undefined && { TIMELINE_FOLLOW: follow }) },
  );
  const [receiver, , distributor] = stack.services as [Service, Service, Service];
  const clients = new LoadClients({
    url: webSocketOf(distributor),
    tokens: await tokensOf(stack, options.clients),
    sampleEvery: options.rate === undefined ? 20 : 1,
  });
  const token = await stack.token({ publisher: "load" });
  const publisher = new LoadPublisher({ url: receiver.url, token, clients: options.clients });
  const meters = await Meters.of(stack);
  try {
    await clients.open();
    await clients.allLive();
    const run = (seconds: number): Promise<void> => publish(publisher, clients, options.rate, seconds);
    await run(WARM_SECONDS);
    if (options.profile) await profiled(stack.services, options.profile, () => run(options.seconds));
    for (let count = 0; count < options.runs; count += 1) {
      await turn();
      clients.latency = new Samples();
      clients.ownDelay();
      const { received, bytes } = clients;
      const end = await meters.begin();
      await run(options.seconds);
      const cost = await end();
      const delivered = clients.received - received;
      if (options.rate === undefined)
        figures.note(work, "delivered", delivered / cost.seconds, { unit: "/s", better: "higher" });
      recordLatency(figures, work, clients, aims);
      recordServices(figures, work, cost, delivered, aims.cpu);
      recordCost(figures, work, cost, delivered);
      figures.note(work, "frames", (clients.bytes - bytes) / delivered, { unit: "bytes each", better: "lower" });
      for (const { kind, pid } of stack.services)
        figures.note(work, `${kind}, resident`, residentBytes(pid) / 2 ** 20, { unit: "MiB", better: "lower" });
    }
    await clients.all(publisher.accepted);
    checkDelivery(clients, publisher.refused);
    if (follow !== undefined) await noteDropped(figures, work, stack.services);
  } finally {
    publisher.close();
    await clients.close();
    await meters.close();
    await stack.close();
  }
}

/** A timeline with gaps would be cheaper than one without. */
async function noteDropped(figures: Figures, work: string, services: readonly Service[]): Promise<void> {
  for (const service of services) {
    if (service.kind === "recorder") continue;
    const dropped = await scrapeMetric(service, "timeline_events_dropped_total");
    figures.note(work, `${service.kind}, events dropped`, dropped, { unit: "", better: "lower" });
  }
}

/** Publishes at a rate, or as fast as clients receive. */
export async function publish(
  publisher: LoadPublisher,
  clients: LoadClients,
  rate: number | undefined,
  seconds: number,
): Promise<void> {
  if (rate !== undefined) {
    await publisher.steadily(rate, seconds);
    return;
  }
  clients.onReceived = () => publisher.pump();
  publisher.saturate(() => UNDER_WAY - (publisher.sent - publisher.refused - clients.received));
  await sleep(seconds * 1_000);
  await publisher.stop();
}

export function webSocketOf(distributor: Service): URL {
  return new URL(`${distributor.url.replace("http", "ws")}/v1/ws?ack=explicit`);
}

export function tokensOf(stack: Stack, count: number, nameOf = clientName): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => stack.token({ client: nameOf(index) })));
}
