/** The used part of a kafkajs consumer. */
export interface Runnable<Config> {
  run(config: Config): Promise<void>;
  stop(): Promise<void>;
  disconnect(): Promise<void>;
}

export interface Crash {
  error: Error;
  /** The client restarts the consumer itself. */
  restart: boolean;
}

/**
 * Errors that pass, although the client gives up. A broker that it was about to ask has gone, or busy brokers have not
 * yet named the group's coordinator. A new run asks another broker.
 */
const PASSING = ["Broker not connected", "Failed to find group coordinator"];
const AGAIN_MS = 500;

/**
 * Runs a consumer until it is stopped. It restarts the client after errors that pass. Every other error that stops the
 * client is fatal.
 */
export class ConsumerRunner<Config> {
  readonly #consumer: Runnable<Config>;
  readonly #config: Config;
  readonly #onFatal: (error: unknown) => void;
  #again: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(consumer: Runnable<Config>, config: Config, onFatal: (error: unknown) => void) {
    this.#consumer = consumer;
    this.#config = config;
    this.#onFatal = onFatal;
  }

  start(): Promise<void> {
    return this.#consumer.run(this.#config);
  }

  crashed({ error, restart }: Crash): void {
    if (restart || this.#stopped) return;
    if (PASSING.includes(error.message))
      this.#again = setTimeout(() => void this.start().catch(this.#onFatal), AGAIN_MS);
    else this.#onFatal(error);
  }

  /** Leaves the group, and joins it as a new member. */
  async rejoin(): Promise<void> {
    try {
      await this.#consumer.stop();
      if (!this.#stopped) await this.start();
    } catch (error) {
      this.#onFatal(error);
    }
  }

  stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#again);
    return this.#consumer.disconnect();
  }
}
