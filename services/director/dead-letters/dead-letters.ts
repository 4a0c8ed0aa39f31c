import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { offsetOf, partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import type { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import type { StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import type { Topics } from "@saasaparilla/shared/kafka/topic-names.ts";
import type { DirectorMetrics } from "#metrics.ts";
import type { DeadLetter } from "./dead-letter.ts";

/** Dead letters are rare, so one partition holds all of them, in order of arrival. */
export const DEAD_LETTERS_PARTITION = 0;

/** Kafka limits the size of a record with its headers. */
const MAX_REASON = 1_000;

export class DeadLetters {
  readonly #producer: BatchingProducer;
  readonly #topics: Topics;
  /** The partitions of accepted. */
  readonly #partitions: number;
  readonly #reports: { metrics: Pick<DirectorMetrics, "deadLettered">; log: Log };

  constructor(
    producer: BatchingProducer,
    topics: Topics,
    partitions: number,
    reports: { metrics: Pick<DirectorMetrics, "deadLettered">; log: Log },
  ) {
    this.#producer = producer;
    this.#topics = topics;
    this.#partitions = partitions;
    this.#reports = reports;
  }

  /** Resolves when Kafka has the dead letter; settle its notifications only then. Without Kafka it never resolves. */
  add({ topic, partition, offset, value, reason }: DeadLetter): Promise<void> {
    const { metrics, log } = this.#reports;
    metrics.deadLettered();
    log.error({ topic, partition, offset, reason }, "record moved to the dead letters");
    const headers = {
      topic,
      partition: String(partition),
      offset: String(offset),
      reason: reason.slice(0, MAX_REASON),
    };
    const record = { topic: this.#topics.deadLetters, partition: DEAD_LETTERS_PARTITION, value, headers };
    return new Promise((resolve) =>
      this.#producer.record(record, (error) => {
        if (error === undefined) resolve();
      }),
    );
  }

  /**
   * A notification whose data Postgres refuses: a pack of one, from accepted, even if it was last read from deferred.
   */
  addNotification({ client, sequence, body }: StoredNotification, error: unknown): Promise<void> {
    const writer = new PackWriter(body.length + 64);
    writer.notification({
      key: client,
      id: notificationBody.id(body),
      ttl: notificationBody.ttl(body),
      event: notificationBody.event(body),
      traceparent: notificationBody.traceparent(body),
      payload: notificationBody.payload(body),
    });
    return this.add({
      topic: this.#topics.accepted,
      partition: partitionOf(client, this.#partitions),
      offset: offsetOf(sequence),
      value: writer.take(),
      reason: messageOf(error),
    });
  }
}
