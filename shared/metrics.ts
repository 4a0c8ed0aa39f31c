import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

export type { Registry };

/** One registry a service. Services name their metrics in their own metrics.ts, as verbs; no label string elsewhere. */
export function createRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** The labels, and how often so far. */
export type Count = { count: number } & Record<string, string | number>;

/** How a service makes its meters: each in the one registry, gauges read when they are scraped. */
export function meters(registry: Registry) {
  const registers = [registry];
  /** For what happens with every notification: counted by its owner in plain numbers, and read when it is scraped. */
  const counts = (name: string, help: string, labelNames: string[], read: () => Iterable<Count>): Counter =>
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const { count, ...labels } of read()) this.inc(labels as Record<string, string>, count);
      },
    });
  return {
    counter: (name: string, help: string, ...labelNames: string[]) =>
      new Counter({ name, help, labelNames, registers }),
    histogram: (name: string, help: string, buckets: number[], ...labelNames: string[]) =>
      new Histogram({ name, help, labelNames, buckets, registers }),
    gauge: (name: string, help: string, read: () => number) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      }),
    counts,
    /** The same without labels. */
    tally: (name: string, help: string) => {
      let sum = 0;
      counts(name, help, [], () => [{ count: sum }]);
      return (): void => {
        sum += 1;
      };
    },
    /** One value for each value of the label. */
    gauges: <L extends string>(name: string, help: string, label: L, read: () => ReadonlyMap<string, number>) =>
      new Gauge({
        name,
        help,
        labelNames: [label],
        registers,
        collect() {
          for (const [value, count] of read()) this.set({ [label]: value } as Record<L, string>, count);
        },
      }),
  };
}
