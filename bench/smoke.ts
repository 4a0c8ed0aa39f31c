import { startStack, type Service } from "../tests/stack.ts";
import { LoadClients } from "./clients.ts";
import { round, usage } from "./measure.ts";
import { publishSteadily } from "./publish.ts";

export interface SmokeOptions {
  clients: number;
  /** Notifications a second. */
  rate: number;
  seconds: number;
}

/**
 * Connected clients, and a fixed rate of notifications to one of them each. Latency is from before the publish to the arrival
 * at the client, on one clock; CPU is from /proc, of all threads.
 */
export async function smoke(work: SmokeOptions) {
  const stack = await startStack({ services: ["receiver", "director", "distributor"] });
  const [receiver, , distributor] = stack.services as [Service, Service, Service];
  const clients = new LoadClients();
  try {
    const connectSeconds = await clients.open(stack, distributor.url, work.clients);
    const pids = [...stack.services.map(({ kind, pid }) => [kind, pid] as const), ["load", process.pid] as const];
    const before = pids.map(([, pid]) => usage(pid));
    const { sent, refused } = await publishSteadily(receiver.url, await stack.token({ publisher: "load" }), work);
    await clients.all(sent - refused, 20_000);
    const cost = pids.map(([name, pid], index) => {
      const { cpuSeconds, residentMiB } = usage(pid);
      const used = cpuSeconds - before[index]!.cpuSeconds;
      return [
        name,
        {
          "CPU us per notification": round((used * 1e6) / sent),
          "cores busy": round(used / work.seconds),
          MiB: residentMiB,
        },
      ];
    });
    return {
      work,
      sent,
      refused,
      received: clients.received,
      lost: sent - refused - clients.received,
      duplicates: clients.duplicates,
      "latency ms": clients.latencies.summary(),
      "connects/s, with the whole handover": round(work.clients / connectSeconds),
      cost: Object.fromEntries(cost) as Record<string, object>,
    };
  } finally {
    clients.close();
    await stack.close();
  }
}
