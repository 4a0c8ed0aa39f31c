import type { LoadClients } from "#bench/load/load-clients.ts";
import type { Cost } from "#bench/load/meters.ts";
import type { Figures } from "./figures.ts";

const SERVICES = ["receiver", "director", "distributor"];
const TOPICS = ["accepted", "routed", "control"];

/** The cost of a run for each of `count` notifications. */
export function recordCost(figures: Figures, work: string, cost: Cost, count: number): void {
  const lower = (name: string, value: number, unit: string): void =>
    figures.note(work, name, value, { unit, better: "lower" });
  for (const [name, seconds] of Object.entries(cost.cpu))
    if (name !== "load") lower(name, (seconds / count) * 1e6, "CPU us each");
  lower("load tool", (cost.cpu.load! / cost.seconds) * 100, "% of a core");
  for (const topic of TOPICS) lower(`Kafka ${topic}`, (cost.kafka[topic] ?? 0) / count, "bytes each");
  const { inserted, deleted, walBytes } = cost.postgres;
  lower("Postgres rows written", ((inserted + deleted) / count) * 1_000, "per 1,000");
  lower("Postgres log", walBytes / count, "bytes each");
  lower("Redis commands", (cost.redisCommands / count) * 1_000, "per 1,000");
}

/** The total CPU of our services. */
export function recordServices(figures: Figures, work: string, cost: Cost, count: number, aim?: number): void {
  const seconds = SERVICES.reduce((sum, name) => sum + (cost.cpu[name] ?? 0), 0);
  figures.note(work, "our services, 100,000 delivered", (seconds / count) * 1e5, {
    unit: "CPU s",
    better: "lower",
    ...(aim === undefined ? {} : { aim }),
  });
}

/** From the due time until the read. It includes the load tool's own delay, which is a separate figure, too. */
export function recordLatency(
  figures: Figures,
  work: string,
  clients: LoadClients,
  aims: { p50?: number; p99?: number } = {},
): void {
  for (const [name, share] of [
    ["p50", 0.5],
    ["p99", 0.99],
    ["p99.9", 0.999],
  ] as const) {
    const aim = name === "p99.9" ? undefined : aims[name];
    figures.note(work, `latency ${name}`, clients.latency.percentile(share), {
      unit: "ms",
      better: "lower",
      ...(aim === undefined ? {} : { aim }),
    });
  }
  const own = clients.ownDelay();
  figures.note(work, "load tool late p50", own.p50, { unit: "ms", better: "lower" });
  figures.note(work, "load tool late p99", own.p99, { unit: "ms", better: "lower" });
}

/** A measurement with lost, repeated or reordered notifications is invalid. */
export function checkDelivery(clients: LoadClients, refused: number): void {
  const { repeated, skipped, lost } = clients;
  if (repeated + skipped + lost + refused > 0) {
    throw new Error(
      `${repeated} came twice, ${skipped} not or out of order, ${lost} connections ended, ${refused} were not accepted: the measurement is invalid.`,
    );
  }
}
