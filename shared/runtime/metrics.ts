import { readFileSync } from "node:fs";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

import { LatencyHistogram, type LatencyOptions } from "./latency-histogram.ts";

export type { Registry };

/** One registry a service. Each names its metrics in its own metrics.ts, as verbs. No other file has a label string. */
export function createRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const build = { name: "build_info", help: "Always 1, with the version of this service.", labelNames: ["version"] };
  new Gauge({ ...build, registers: [registry] }).set({ version: versionHere() }, 1);
  return registry;
}

function versionHere(): string {
  const file = new URL("../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** The labels, and the count so far. */
export type Count = { count: number } & Record<string, string | number>;

interface WatchedGauge {
  name: string;
  help: string;
  /** It has one value for each value of this label. */
  label?: string;
}

type ReadersOf<G extends Record<string, WatchedGauge>> = {
  [K in keyof G]: () => G[K] extends { label: string } ? ReadonlyMap<string, number> : number;
};

/** A service makes all its meters with these, in one registry. */
export function meters(registry: Registry) {
  const registers = [registry];
  /** For events of every notification: their owner counts in plain numbers, which are read at a scrape. */
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
    /** Durations in seconds by one label, with exemplars. */
    latency: (options: LatencyOptions) => {
      const histogram = new LatencyHistogram(options);
      registry.registerMetric(histogram);
      return histogram;
    },
    /** For an object that registers its own gauge when it is made. */
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
    /**
     * Gauges of objects that are made later. Each object passes the readers of its gauges when it is made, so that a
     * scrape during the start succeeds. Until then a gauge is 0, and one with a label has no values.
     */
    watched: <G extends Record<string, WatchedGauge>>(gauges: G): ((readers: Partial<ReadersOf<G>>) => void) => {
      const known: Record<string, () => number | ReadonlyMap<string, number>> = {};
      for (const [key, { name, help, label }] of Object.entries(gauges)) {
        const gauge = new Gauge({
          name,
          help,
          labelNames: label === undefined ? [] : [label],
          registers: [],
          collect() {
            const value = known[key]?.();
            if (typeof value === "number") this.set(value);
            else for (const [of, count] of value ?? []) this.set({ [label!]: of }, count);
          },
        });
        registry.registerMetric(gauge);
      }
      return (readers) => void Object.assign(known, readers);
    },
  };
}
