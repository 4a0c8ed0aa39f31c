import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

/** One registry a service. Services name their metrics in their own metrics.ts, as verbs; no label string elsewhere. */
export function createRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
}

export { Counter, Gauge, Histogram, type Registry };
