import type { Service } from "#tests/support/stack.ts";
import { LARGEST_PAYLOAD, MEASURED_PAYLOAD } from "#tools/capacity/constants.ts";
import { LoadClients } from "#bench/load/load-clients.ts";
import { Meters, type Cost } from "#bench/load/meters.ts";
import type { Figures } from "#bench/results/figures.ts";
import { checkDelivery } from "#bench/results/record.ts";
import { startPlatform } from "#bench/load/platform.ts";
import { clientName, dataOf, LoadPublisher } from "#bench/load/load-publisher.ts";
import { turn } from "#bench/results/interleave.ts";
import { publish, tokensOf, webSocketOf } from "./saturation.ts";

/** Bytes of data beyond those of all other benchmarks. */
const MORE_BYTES = LARGEST_PAYLOAD - MEASURED_PAYLOAD;
const WARM_SECONDS = 3;

/** The cost of each further byte of data: the same load with about 200 bytes and with 2,000, in turns. */
export async function larger(
  figures: Figures,
  work: string,
  { clients: count, runs, seconds }: { clients: number; runs: number; seconds: number },
): Promise<void> {
  const stack = await startPlatform(["receiver", "director", "distributor"]);
  const [receiver, , distributor] = stack.services as [Service, Service, Service];
  const clients = new LoadClients({ url: webSocketOf(distributor), tokens: await tokensOf(stack, count) });
  let more = "";
  const publisher = new LoadPublisher({
    url: receiver.url,
    token: await stack.token({ publisher: "load" }),
    clients: count,
    line: (client, n, t) => `{"to":{"client":"${clientName(client)}"},"data":${dataOf(n, t, more)}}`,
  });
  const meters = await Meters.of(stack);
  /** CPU seconds of each process for one notification. */
  const each = async (bytes: number): Promise<Cost["cpu"]> => {
    more = "x".repeat(bytes);
    const received = clients.received;
    const end = await meters.begin();
    await publish(publisher, clients, undefined, seconds);
    await clients.all(publisher.accepted);
    const { cpu } = await end();
    return Object.fromEntries(Object.entries(cpu).map(([name, used]) => [name, used / (clients.received - received)]));
  };
  try {
    await clients.open();
    await clients.allLive();
    await publish(publisher, clients, undefined, WARM_SECONDS);
    await clients.all(publisher.accepted);
    for (let run = 0; run < runs; run += 1) {
      await turn();
      const small = await each(0);
      const large = await each(MORE_BYTES);
      for (const name of ["receiver", "director", "distributor", "kafka"]) {
        const nanoseconds = (((large[name] ?? 0) - (small[name] ?? 0)) / MORE_BYTES) * 1e9;
        figures.note(work, `${name}, for a byte more`, Math.max(0, nanoseconds), {
          unit: "CPU ns each",
          better: "lower",
        });
      }
    }
    checkDelivery(clients, publisher.refused);
  } finally {
    publisher.close();
    await clients.close();
    await meters.close();
    await stack.close();
  }
}
