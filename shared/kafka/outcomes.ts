import { partitionOf } from "#protocol/notification.ts";
import { outcomeMessage, type EndedNotification, type Outcome } from "#protocol/outcome.ts";
import type { BatchingProducer } from "./batching-producer.ts";

export interface OutcomesParts {
  producer: Pick<BatchingProducer, "add">;
  /** The name of accepted, and its partitions. */
  topic: string;
  partitions: () => number;
  /** ms since 1970, for people to read. */
  wall: () => number;
  metrics: { outcome(outcome: Outcome): void; watch(readers: { outcomesUnderWay: () => number }): void };
}

/**
 * Appends outcomes to accepted, as messages of their queues. A transaction that is tried again asks for the same ones
 * again, so each is appended once while it is under way: while Kafka is away, a retry takes no further memory.
 */
export class Outcomes {
  readonly #parts: OutcomesParts;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(parts: OutcomesParts) {
    this.#parts = parts;
    parts.metrics.watch({ outcomesUnderWay: () => this.#underWay.size });
  }

  /** Resolves when Kafka has it. Without Kafka it never resolves. */
  append(ended: EndedNotification): Promise<void> {
    const { producer, topic, partitions, wall, metrics } = this.#parts;
    const message = outcomeMessage(ended, new Date(wall()));
    const before = this.#underWay.get(message.id);
    if (before) return before;
    const appended = new Promise<void>((resolve) =>
      producer.add(
        topic,
        partitionOf(message.key, partitions()),
        (writer) => writer.notification(message),
        (error) => {
          this.#underWay.delete(message.id);
          if (error !== undefined) return;
          metrics.outcome(ended.outcome);
          resolve();
        },
      ),
    );
    this.#underWay.set(message.id, appended);
    return appended;
  }
}
