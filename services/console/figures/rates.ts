import type { Reading } from "./instances.ts";
import type { Sample } from "./exposition.ts";

/** Figures at one time. Undefined: not known. */
export interface Point {
  at: number;
  values: Partial<Record<FigureName, number>>;
  connections: Record<string, number>;
}

export interface FiguresAnswer {
  source: string;
  times: number[];
  series: Partial<Record<FigureName, (number | null)[]>>;
  connections: Record<string, number>;
}

/** Counters whose growth per second is a figure. */
const RATES = {
  accepted: ["notifications_accepted_total"],
  delivered: ["notifications_delivered_total"],
  acknowledged: ["acknowledgements_total"],
  stored: ["notifications_settled_total"],
  failures: ["dead_letters_total", "dependency_failures_total"],
} as const;
const GAUGES = { lag: ["accepted_lag", "dispatch_lag", "inbox_lag"], connections: ["connections"] } as const;
const QUANTILES = { p50: 0.5, p99: 0.99 } as const;
const BUCKETS = "settle_seconds_bucket";

export type FigureName = keyof typeof RATES | keyof typeof GAUGES | keyof typeof QUANTILES;
export const FIGURES = [...Object.keys(RATES), ...Object.keys(GAUGES), ...Object.keys(QUANTILES)] as FigureName[];
/** All series that figures and health need. */
export const SERIES: ReadonlySet<string> = new Set<string>([
  ...Object.values(RATES).flat(),
  ...Object.values(GAUGES).flat(),
  BUCKETS,
  "build_info",
  "partitions_owned",
]);

const isWanted = ({ name, labels }: Sample): boolean =>
  name === "notifications_settled_total" ? labels.how === "stored" : name !== BUCKETS || labels.how === "acknowledged";

/** Turns readings into figures per second. It keeps the counters of the last reading. */
export class Rates {
  #before = new Map<string, number>();
  #beforeAt: number | undefined;

  /** `at`: seconds, from a clock that does not jump for rates. */
  point(readings: readonly Reading[], at: number, wallAt: number): Point {
    const now = new Map<string, number>();
    const grown = new Map<string, number>();
    const buckets = new Map<number, number>();
    const sums = new Map<string, number>();
    const connections: Record<string, number> = {};
    for (const { instance, samples = [] } of readings)
      for (const sample of samples.filter(isWanted)) {
        const { name, labels, value } = sample;
        const key = `${instance} ${name} ${JSON.stringify(labels)}`;
        now.set(key, value);
        const before = this.#before.get(key);
        // A process that started since begins at 0. A new one is no growth: it may have counted for long.
        const growth = before === undefined ? 0 : value < before ? value : value - before;
        grown.set(name, (grown.get(name) ?? 0) + growth);
        sums.set(name, (sums.get(name) ?? 0) + value);
        if (name === BUCKETS) {
          const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
          buckets.set(bound, (buckets.get(bound) ?? 0) + growth);
        }
        if (name === "connections")
          connections[labels.transport ?? ""] = (connections[labels.transport ?? ""] ?? 0) + value;
      }
    const elapsed = this.#beforeAt === undefined ? undefined : at - this.#beforeAt;
    this.#before = now;
    this.#beforeAt = at;
    const values: Point["values"] = {};
    for (const [figure, names] of Object.entries(GAUGES)) values[figure as FigureName] = sumOf(sums, names);
    if (elapsed !== undefined && elapsed > 0) {
      for (const [figure, names] of Object.entries(RATES)) values[figure as FigureName] = sumOf(grown, names) / elapsed;
      for (const [figure, quantile] of Object.entries(QUANTILES)) {
        const seconds = quantileOf(buckets, quantile);
        if (seconds !== undefined) values[figure as FigureName] = seconds;
      }
    }
    return { at: wallAt, values, connections };
  }
}

const sumOf = (of: ReadonlyMap<string, number>, names: readonly string[]): number =>
  names.reduce((sum, name) => sum + (of.get(name) ?? 0), 0);

/** As Prometheus' histogram_quantile: linear inside the bucket. Undefined without an observation. */
export function quantileOf(buckets: ReadonlyMap<number, number>, quantile: number): number | undefined {
  const bounds = [...buckets].sort(([a], [b]) => a - b);
  const all = bounds.at(-1)?.[1] ?? 0;
  if (all === 0) return undefined;
  const rank = quantile * all;
  let [low, below] = [0, 0];
  for (const [bound, count] of bounds) {
    if (count >= rank) return bound === Infinity ? low : low + (bound - low) * ((rank - below) / (count - below || 1));
    [low, below] = [bound, count];
  }
  return low;
}

/** The same figures, as Prometheus computes them. */
export const QUERIES: Readonly<Record<FigureName, string>> = {
  accepted: "sum(rate(notifications_accepted_total[1m]))",
  delivered: "sum(rate(notifications_delivered_total[1m]))",
  acknowledged: "sum(rate(acknowledgements_total[1m]))",
  stored: 'sum(rate(notifications_settled_total{how="stored"}[1m]))',
  failures: "sum(rate(dead_letters_total[1m])) + sum(rate(dependency_failures_total[1m]))",
  lag: "sum(accepted_lag) + sum(dispatch_lag) + sum(inbox_lag)",
  connections: "sum(connections)",
  p50: 'histogram_quantile(0.5, sum by (le) (rate(settle_seconds_bucket{how="acknowledged"}[1m])))',
  p99: 'histogram_quantile(0.99, sum by (le) (rate(settle_seconds_bucket{how="acknowledged"}[1m])))',
};
