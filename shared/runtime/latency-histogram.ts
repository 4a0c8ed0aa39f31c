import { Histogram, type MetricObject } from "prom-client";

interface Durations {
  /** By bucket, not cumulative. The last is +Inf. */
  counts: number[];
  exemplars: (Exemplar | undefined)[];
  sum: number;
  count: number;
}

interface Exemplar {
  labelSet: { trace_id: string };
  value: number;
  /** Seconds since 1970. */
  timestamp: number;
}

export interface LatencyOptions {
  name: string;
  help: string;
  buckets: readonly number[];
  label: string;
  wall?: () => number;
}

/**
 * Durations in seconds, by one label. It counts in plain numbers, because it sees every notification: prom-client's own
 * histogram hashes its labels each time. Each bucket keeps the last duration of a sampled trace as its exemplar.
 */
export class LatencyHistogram extends Histogram {
  readonly #options: LatencyOptions;
  readonly #durations = new Map<string | number, Durations>();

  constructor(options: LatencyOptions) {
    const { name, help, buckets, label } = options;
    super({ name, help, buckets: [...buckets], labelNames: [label], registers: [] });
    this.#options = options;
    // The registry calls it instead of `get`, where there is one.
    Object.assign(this, { getForPromString: () => this.get() });
  }

  /** `traceId`: of a sampled trace only. */
  took(of: string | number, seconds: number, traceId?: string): void {
    const { buckets, wall = Date.now } = this.#options;
    let durations = this.#durations.get(of);
    if (!durations) this.#durations.set(of, (durations = none(buckets.length + 1)));
    let bucket = 0;
    while (bucket < buckets.length && seconds > buckets[bucket]!) bucket += 1;
    durations.counts[bucket]! += 1;
    durations.sum += seconds;
    durations.count += 1;
    if (traceId !== undefined)
      durations.exemplars[bucket] = { labelSet: { trace_id: traceId }, value: seconds, timestamp: wall() / 1_000 };
  }

  override get(): Promise<Scraped> {
    const { name, help, buckets, label } = this.#options;
    const values = [...this.#durations].flatMap(([of, { counts, exemplars, sum, count }]) => {
      const labels = { [label]: String(of) };
      let below = 0;
      return [
        ...counts.map((inBucket, index) => ({
          metricName: `${name}_bucket`,
          labels: { ...labels, le: buckets[index] ?? "+Inf" },
          value: (below += inBucket),
          exemplar: exemplars[index],
        })),
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ];
    });
    return Promise.resolve({ name, help, type: "histogram", aggregator: "sum", values } as unknown as Scraped);
  }
}

type Scraped = Awaited<ReturnType<Histogram["get"]>> & MetricObject;

function none(buckets: number): Durations {
  const fresh = <T>(value: T): T[] => Array.from({ length: buckets }, () => value);
  return { counts: fresh(0), exemplars: fresh<Exemplar | undefined>(undefined), sum: 0, count: 0 };
}
