import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry, type Metric } from "prom-client";

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
  return {
    counter: (name: string, help: string, ...labelNames: string[]) =>
      new Counter({ name, help, labelNames, registers }),
    /** Without labels, for what happens with every notification: a plain number, read when it is scraped. */
    tally: (name: string, help: string) => {
      let sum = 0;
      const counter = new Counter({
        name,
        help,
        registers: [],
        collect() {
          this.reset();
          this.inc(sum);
        },
      });
      registry.registerMetric(counter);
      return (more = 1): void => {
        sum += more;
      };
    },
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
    /** For what happens with every notification: counted by its owner in plain numbers, and read when it is scraped. */
    counts: (name: string, help: string, labelNames: string[], read: () => Iterable<Count>) =>
      new Counter({
        name,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          for (const { count, ...labels } of read()) this.inc(labels as Record<string, string>, count);
        },
      }),
    /** A histogram for what happens with every notification. */
    distribution: <L extends string>(
      name: string,
      help: string,
      buckets: number[],
      label: string,
      of: readonly L[],
    ): Distribution<L> => {
      const distribution = new Distribution<L>(name, help, buckets, label, of);
      // What it has is what a registry asks of a metric.
      registry.registerMetric(distribution as unknown as Metric);
      return distribution;
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

interface Series {
  counts: Float64Array;
  sum: number;
}

/** Counts in plain numbers, where the library's histogram would look its labels up for each of them. */
class Distribution<L extends string> {
  readonly type = "histogram";
  readonly aggregator = "sum";
  readonly name: string;
  readonly help: string;
  readonly #label: string;
  readonly #bounds: Float64Array;
  readonly #series: Record<L, Series>;

  constructor(name: string, help: string, buckets: number[], label: string, of: readonly L[]) {
    this.name = name;
    this.help = help;
    this.#label = label;
    this.#bounds = Float64Array.of(...buckets, Number.POSITIVE_INFINITY);
    const series = of.map((value) => [value, { counts: new Float64Array(this.#bounds.length), sum: 0 }] as const);
    this.#series = Object.fromEntries(series) as Record<L, Series>;
  }

  observe(value: L, number: number): void {
    const series = this.#series[value];
    let bucket = 0;
    while (number > this.#bounds[bucket]!) bucket += 1;
    series.counts[bucket]! += 1;
    series.sum += number;
  }

  get(): Promise<object> {
    const values: { labels: Record<string, string>; metricName: string; value: number }[] = [];
    for (const one in this.#series) {
      const { counts, sum } = this.#series[one];
      const add = (suffix: string, value: number, more?: Record<string, string>): void => {
        values.push({ labels: { [this.#label]: one, ...more }, metricName: `${this.name}_${suffix}`, value });
      };
      let below = 0;
      counts.forEach((count, bucket) => {
        below += count;
        const bound = this.#bounds[bucket]!;
        add("bucket", below, { le: Number.isFinite(bound) ? String(bound) : "+Inf" });
      });
      add("sum", sum);
      add("count", below);
    }
    return Promise.resolve({ name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values });
  }
}
