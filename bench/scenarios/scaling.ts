import type { Kind, Service, Stack } from "#tests/support/stack.ts";
import { LoadClients } from "#bench/load/load-clients.ts";
import { Meters } from "#bench/load/meters.ts";
import type { Figures } from "#bench/results/figures.ts";
import { checkDelivery, recordCost, recordServices } from "#bench/results/record.ts";
import { startPlatform } from "#bench/load/platform.ts";
import { turn } from "#bench/results/interleave.ts";
import { clientName, dataOf, LoadPublisher } from "#bench/load/load-publisher.ts";
import { limitCpu } from "#bench/load/cpu-share.ts";
import { publish, webSocketOf } from "./saturation.ts";

export interface SeveralOptions {
  /** The number of receivers, of directors and of distributors. */
  each: number;
  /** Clients in total. */
  clients: number;
  /** Notifications a second in total; undefined for full speed. */
  rate: number | undefined;
  /** Share of a core for each of our processes; undefined for no limit. */
  share?: number;
  runs: number;
  seconds: number;
}

/** At 5,000/s V8 needs this long to compile functions that run rarely. */
const WARM_SECONDS = 12;

/** Throughput and cost with several of each service. Each receiver and each distributor has a part of the clients. */
export async function several(figures: Figures, work: string, options: SeveralOptions): Promise<void> {
  const { each, rate, share, runs, seconds } = options;
  const kinds = (["receiver", "director", "distributor"] as const).flatMap((kind) => Array<Kind>(each).fill(kind));
  const stack = await startPlatform(kinds);
  const parts = await Promise.all(Array.from({ length: each }, (_, index) => partOf(stack, options, index)));
  const meters = await Meters.of(stack);
  try {
    for (const { clients } of parts) {
      await clients.open();
      await clients.allLive();
    }
    const limits = share === undefined ? undefined : limitCpu(pidsOf(stack), share);
    const run = async (length: number): Promise<void> => {
      const partRate = rate === undefined ? undefined : rate / each;
      await Promise.all(parts.map(({ publisher, clients }) => publish(publisher, clients, partRate, length)));
    };
    const received = (): number => parts.reduce((sum, { clients }) => sum + clients.received, 0);
    try {
      await run(WARM_SECONDS);
      for (let count = 0; count < runs; count += 1) {
        await turn();
        const before = received();
        const end = await meters.begin();
        await run(seconds);
        const cost = await end();
        const delivered = received() - before;
        figures.note(work, "delivered", delivered / cost.seconds, { unit: "/s", better: "higher" });
        recordServices(figures, work, cost, delivered);
        recordCost(figures, work, cost, delivered);
      }
    } finally {
      limits?.end();
    }
    for (const { clients, publisher } of parts) {
      await clients.all(publisher.accepted);
      checkDelivery(clients, publisher.refused);
    }
  } finally {
    for (const { clients, publisher } of parts) {
      publisher.close();
      await clients.close();
    }
    await meters.close();
    await stack.close();
  }
}

const pidsOf = ({ services }: Stack): number[] => services.map(({ pid }) => pid);

async function partOf(stack: Stack, { each, clients, rate }: SeveralOptions, index: number) {
  const of = (kind: Kind): Service => stack.services.filter((service) => service.kind === kind)[index]!;
  const count = clients / each;
  const nameOf = (client: number): string => clientName(index * count + client);
  const tokens = await Promise.all(
    Array.from({ length: count }, (_, client) => stack.token({ client: nameOf(client) })),
  );
  return {
    clients: new LoadClients({ url: webSocketOf(of("distributor")), tokens, sampleEvery: rate === undefined ? 20 : 1 }),
    publisher: new LoadPublisher({
      url: of("receiver").url,
      token: await stack.token({ publisher: `load-${index}` }),
      clients: count,
      line: (client, n, t) => `{"to":{"client":"${nameOf(client)}"},"data":${dataOf(n, t)}}`,
    }),
  };
}
