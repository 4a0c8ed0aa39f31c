import type { PortName } from "#local/process/ports.ts";
import type { Command } from "#local/process/processes.ts";

/** What each of Kafka, Postgres and Redis says of itself; backing.ts starts them by it. */
export type Backing = {
  name: string;
  label: string;
  /** Set in the environment, it names one that runs elsewhere, and none is started. */
  variable: "KAFKA_BROKERS" | "DATABASE_URL" | "REDIS_URL";
  ports: PortName[];
  stopSignal: NodeJS.Signals;
  url: () => string;
  /** Fetches and prepares what it needs, and says how it is started. */
  command: () => Promise<Command>;
  /** Speaks the service's own protocol; throws while it is not ready. */
  answers: (url: string) => Promise<void>;
};
