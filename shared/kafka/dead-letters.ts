import { messageOf } from "#runtime/errors.ts";
import { packOf } from "#protocol/pack-writer.ts";
import type { BadItem } from "#protocol/pack.ts";
import type { Log } from "#runtime/log.ts";
import type { BatchingProducer } from "./batching-producer.ts";
import type { Batch, Incoming } from "./client.ts";

/**
 * A record, or one item of a record, that can never be processed: its original position, and its bytes, which can be
 * sent there again unchanged.
 */
export interface DeadLetter {
  topic: string;
  partition: number;
  offset: number;
  /** The place of the item in the record. Undefined for a whole record. */
  index?: number;
  value: Buffer;
  reason: string;
}

export const NOTHING: Buffer = Buffer.alloc(0);

export function deadLetterOf(
  { topic, partition }: Pick<Batch, "topic" | "partition">,
  { offset, value }: Incoming,
  error: unknown,
): DeadLetter {
  return { topic, partition, offset, value: value ?? NOTHING, reason: messageOf(error) };
}

/** A pack of this item alone. The other items of the record take effect. */
export function deadLetterOfItem(
  { topic, partition }: Pick<Batch, "topic" | "partition">,
  { offset }: Incoming,
  { index, kind, body, error }: BadItem,
): DeadLetter {
  return { topic, partition, offset, index, value: packOf(kind, body), reason: messageOf(error) };
}

/** The header of a record that an operator redrives: the id of its dead letter. */
export const REDRIVEN = "redriven";

/** Dead letters are rare, so one partition holds all of them, in order of arrival. */
export const DEAD_LETTERS_PARTITION = 0;

/** Kafka limits the size of a record with its headers. */
const MAX_REASON = 1_000;

export class DeadLetters {
  readonly #producer: BatchingProducer;
  readonly #topic: string;
  readonly #reports: { metrics: { deadLettered(): void }; log: Log };

  constructor(producer: BatchingProducer, topic: string, reports: { metrics: { deadLettered(): void }; log: Log }) {
    this.#producer = producer;
    this.#topic = topic;
    this.#reports = reports;
  }

  /** Resolves when Kafka has the dead letter; settle its record only then. Without Kafka it never resolves. */
  add({ topic, partition, offset, index, value, reason }: DeadLetter): Promise<void> {
    const { metrics, log } = this.#reports;
    metrics.deadLettered();
    const what = index === undefined ? "record" : "item";
    log.error({ topic, partition, offset, index, reason }, `${what} moved to the dead letters`);
    const headers = {
      topic,
      partition: String(partition),
      offset: String(offset),
      ...(index === undefined ? {} : { index: String(index) }),
      reason: reason.slice(0, MAX_REASON),
    };
    const record = { topic: this.#topic, partition: DEAD_LETTERS_PARTITION, value, headers };
    return new Promise((resolve) =>
      this.#producer.record(record, (error) => {
        if (error === undefined) resolve();
      }),
    );
  }
}
