/** Figures of the platform over the last hour. Each list has a value for each of `times`; null is not known. */
export interface Figures {
  /** Prometheus, or the services' own metrics. */
  source: string;
  /** Seconds since 1970. */
  times: number[];
  series: Partial<Record<FigureName, (number | null)[]>>;
  /** Now. */
  connections: Record<string, number>;
}

export type FigureName =
  | "accepted"
  | "delivered"
  | "acknowledged"
  | "p50"
  | "p99"
  | "lag"
  | "stored"
  | "failures"
  | "connections";

export interface ServiceHealth {
  service: string;
  instance: string;
  version: string;
  ready: boolean;
  /** The dependencies that it cannot reach. */
  away: string[];
  partitions?: number;
  lag?: number;
  lastError?: { at: string; message: string };
}

export interface PlatformHealth {
  services: ServiceHealth[];
  /** Services of which nothing is known: their metrics do not answer. */
  unknown?: string[];
}
