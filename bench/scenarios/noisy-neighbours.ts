import { setTimeout as sleep } from "node:timers/promises";
import { MEANS } from "#tests/noisy/neighbour-loads.ts";
import { startNeighbour, type Place } from "#tests/noisy/neighbour.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import type { Bearer } from "#tests/support/tokens.ts";
import { LoadClients } from "#bench/load/load-clients.ts";
import type { Figures } from "#bench/results/figures.ts";
import { checkDelivery } from "#bench/results/record.ts";
import { startPlatform } from "#bench/load/platform.ts";
import { LoadPublisher } from "#bench/load/load-publisher.ts";
import { Samples } from "#bench/load/samples.ts";
import { turn } from "#bench/results/interleave.ts";
import { publish, tokensOf, webSocketOf } from "./saturation.ts";

export interface NeighboursOptions {
  clients: number;
  /** Notifications a second of the measured tenant. */
  rate: number;
  runs: number;
  seconds: number;
  /** Only these means of the neighbour. */
  means?: readonly string[];
  /** Also beside a neighbour of another platform on the same stores, which shows the machine's part. */
  elsewhere?: boolean;
}

/** The largest permitted ratio of a tenant's latency beside a neighbour to its latency alone. */
const MOST = 1.5;
const WARM_SECONDS = 6;
/** Work of a neighbour ends in this time, before the tenant is measured alone again. */
const REST_MS = 1_500;
/** Requests of a neighbour per second. */
const REQUESTS = 100;

/** Limits as an operator sets them: several tenants together need no more than the machine has. */
const LIMITS = {
  TENANTS: "acme,loud",
  TRUSTED_PROXIES: "127.0.0.1",
  TENANT_PUBLISH_RATE: "1000",
  TENANT_PUBLISH_BURST: "20000",
  PUBLISHER_RATE: "1000",
  PUBLISHER_BURST: "20000",
  TENANT_PUBLISH_BYTE_RATE: "2000000",
  TENANT_PUBLISH_BYTE_BURST: "4000000",
  TENANT_QUEUED_BYTES: "1000000",
  CONNECT_RATE: "20",
  CONNECT_BURST: "300",
  MAX_HANDOVERS: "300",
  PARTITION_MAX_UNSETTLED: "5000",
};

/** Measures one tenant at a rate, alone and beside a neighbour that does its worst by each means, in turns. */
export async function neighbours(figures: Figures, work: string, options: NeighboursOptions): Promise<void> {
  const { rate, runs, seconds } = options;
  const stack = await startPlatform(["receiver", "director", "distributor"], LIMITS);
  const [receiver, , distributor] = stack.services as [Service, Service, Service];
  const clients = new LoadClients({
    url: webSocketOf(distributor),
    tokens: await tokensOf(stack, options.clients),
    sampleEvery: 1,
  });
  const token = await stack.token({ publisher: "load" });
  const publisher = new LoadPublisher({ url: receiver.url, token, clients: options.clients });
  const placeOf = (platform: Stack): Place => ({
    receiver: platform.services[0]!.url,
    distributor: platform.services[2]!.url,
    token: (bearer: Bearer) => platform.token(bearer),
    rate: REQUESTS,
  });
  const other = options.elsewhere ? await startPlatform(["receiver", "director", "distributor"], LIMITS) : undefined;
  const measure = async (): Promise<{ p99: number; delivered: number }> => {
    clients.latency = new Samples();
    const { received } = clients;
    const began = performance.now();
    await publish(publisher, clients, rate, seconds);
    const delivered = (clients.received - received) / ((performance.now() - began) / 1_000);
    return { p99: clients.latency.percentile(0.99), delivered };
  };
  const beside = async (means: string, platform: Stack): ReturnType<typeof measure> => {
    const neighbour = await startNeighbour(means, placeOf(platform));
    await sleep(REST_MS);
    const measured = await measure();
    console.error(`  ${means}: ${measured.p99.toFixed(1)} ms, its answers ${JSON.stringify(await neighbour.end())}`);
    await sleep(REST_MS);
    return measured;
  };
  try {
    await clients.open();
    await clients.allLive();
    await publish(publisher, clients, rate, WARM_SECONDS);
    for (let run = 0; run < runs; run += 1) {
      for (const means of options.means ?? Object.keys(MEANS)) {
        await turn();
        const first = run % 2 === 0 ? await measure() : undefined;
        const loud = await beside(means, stack);
        const elsewhere = other && (await beside(means, other));
        const alone = first ?? (await measure());
        const lower = { unit: "ms", better: "lower" } as const;
        figures.note(work, `${means}: p99 alone`, alone.p99, lower);
        figures.note(work, `${means}: p99 beside it`, loud.p99, lower);
        const times = { unit: "times", better: "lower", aim: MOST } as const;
        figures.note(work, `${means}: p99, beside by alone`, loud.p99 / alone.p99, times);
        if (elsewhere) {
          const name = `${means}: p99, beside another platform's by alone`;
          figures.note(work, name, elsewhere.p99 / alone.p99, { unit: "times", better: "lower" });
        }
        figures.note(work, `${means}: delivered, alone by beside`, alone.delivered / loud.delivered, times);
      }
    }
    await clients.all(publisher.accepted);
    checkDelivery(clients, publisher.refused);
  } finally {
    publisher.close();
    await clients.close();
    await other?.close();
    await stack.close();
  }
}
