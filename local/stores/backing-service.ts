import type { PortName } from "#local/process/ports.ts";
import type { Command } from "#local/process/processes.ts";

/** The description of Kafka, Postgres or Redis that backing.ts starts it by. */
export type Backing = {
  name: string;
  label: string;
  /** If the environment has it, it names a server elsewhere, and none is started. */
  variable: "KAFKA_BROKERS" | "DATABASE_URL" | "REDIS_URL";
  ports: PortName[];
  stopSignal: NodeJS.Signals;
  url: () => string;
  /** Fetches and prepares its needs, and returns the command that starts it. */
  command: () => Promise<Command>;
  /** Speaks the service's own protocol; throws while it is not ready. */
  answers: (url: string) => Promise<void>;
};
