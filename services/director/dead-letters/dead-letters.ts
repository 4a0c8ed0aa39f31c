import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { offsetOf, partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import type { EndedNotification } from "@saasaparilla/shared/protocol/outcome.ts";
import {
  checkNotification,
  Kind,
  notificationBody,
  readDeferred,
  readPack,
} from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import type { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import type { StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import type { Topics } from "@saasaparilla/shared/kafka/topic-names.ts";
import type { Outcomes } from "#storage/outcomes.ts";
import type { DirectorMetrics } from "#metrics.ts";
import type { DeadLetter } from "./dead-letter.ts";

/** Dead letters are rare, so one partition holds all of them, in order of arrival. */
export const DEAD_LETTERS_PARTITION = 0;

/** Kafka limits the size of a record with its headers. */
const MAX_REASON = 1_000;

interface Reports {
  metrics: Pick<DirectorMetrics, "deadLettered">;
  log: Log;
  outcomes: Pick<Outcomes, "append">;
}

export class DeadLetters {
  readonly #producer: BatchingProducer;
  readonly #topics: Topics;
  /** The partitions of accepted. */
  readonly #partitions: number;
  readonly #reports: Reports;

  constructor(producer: BatchingProducer, topics: Topics, partitions: number, reports: Reports) {
    this.#producer = producer;
    this.#topics = topics;
    this.#partitions = partitions;
    this.#reports = reports;
  }

  /**
   * Resolves when Kafka has the dead letter and the outcomes of its readable notifications; settle its notifications
   * only then. Without Kafka it never resolves.
   */
  async add(letter: DeadLetter): Promise<void> {
    const outcomes = endedIn(letter.value).map((ended) => this.#reports.outcomes.append(ended));
    await Promise.all([this.#record(letter), ...outcomes]);
  }

  #record({ topic, partition, offset, value, reason }: DeadLetter): Promise<void> {
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
      options: notificationBody.rawOptions(body),
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

/** The notifications that ask for an outcome, up to the first unreadable item. */
function endedIn(value: Buffer): EndedNotification[] {
  const ended: EndedNotification[] = [];
  try {
    readPack(value, (kind, raw, index) => {
      if (kind !== Kind.NOTIFICATION && kind !== Kind.DEFERRED) return;
      const body = kind === Kind.DEFERRED ? readDeferred(raw).body : raw;
      checkNotification(body, index);
      const outcomes = notificationBody.endOptions(body)?.outcomes;
      if (outcomes === undefined) return;
      ended.push({ key: notificationBody.key(body), id: notificationBody.id(body), outcomes, outcome: "dead" });
    });
  } catch {
    // An unreadable record is an expected dead letter.
  }
  return ended;
}
