import type { PortName } from "#local/process/ports.ts";
import type { Command } from "#local/process/processes.ts";

/** The description of Kafka, Postgres or Redis that backing.ts starts it by. */
export type Backing = {
  name: string;
  label: string;
  /** If this variable is set, it names a server elsewhere, and none is started here. */
  variable: "KAFKA_BROKERS" | "DATABASE_URL" | "REDIS_URL";
  ports: PortName[];
  stopSignal: NodeJS.Signals;
  url: () => string;
  /** Fetches its software, prepares its data, and returns the command that starts it. */
  command: () => Promise<Command>;
  /** Calls the service over its own protocol. Throws while it is not ready. */
  answers: (url: string) => Promise<void>;
};
