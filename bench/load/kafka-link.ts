import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { KafkaLink, type Batch } from "@saasaparilla/shared/kafka/client.ts";
import { kafkaSettings } from "@saasaparilla/shared/kafka/settings.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import { readSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { topicsOf, type Topics } from "@saasaparilla/shared/kafka/topic-names.ts";
import type { Stack } from "#tests/support/stack.ts";

/** Kafka for a service that the load tool replaces: it writes packs, and reads one topic from its end. */
export class Link {
  readonly topics: Topics;
  readonly producer: BatchingProducer;
  readonly partitions: number;
  readonly #ends: (() => Promise<void>)[];

  private constructor(topics: Topics, producer: BatchingProducer, partitions: number, ends: (() => Promise<void>)[]) {
    this.topics = topics;
    this.producer = producer;
    this.partitions = partitions;
    this.#ends = ends;
  }

  /** Resolves once it reads. */
  static async open(stack: Stack, topicOf: (topics: Topics) => string, onBatch: (batch: Batch) => void): Promise<Link> {
    const topics = topicsOf(stack.namespace);
    const kafka = new KafkaLink(
      readSettings(kafkaSettings, stack.env),
      "bench",
      createLog("bench", "warn"),
      new Health([]),
    );
    const sender = await kafka.sender();
    const failed = (error: unknown): void => console.error("Kafka accepted nothing:", error);
    const producer = new BatchingProducer({
      send: (records) => sender.send(records),
      paceMs: 2,
      maxPackBytes: 256 << 10,
      maxSendBytes: 1 << 20,
      onFailure: "retry",
      failed,
    });
    const assigned = Promise.withResolvers<void>();
    const reader = await kafka.readGroup({
      group: `${stack.namespace}.bench`,
      topics: [topicOf(topics)],
      onAssigned: () => assigned.resolve(),
      onBatch(batch) {
        onBatch(batch);
        return Promise.resolve(true);
      },
      onFatal: failed,
      sessionTimeoutMs: 30_000,
    });
    await assigned.promise;
    const partitions = await kafka.partitions(topics.accepted);
    return new Link(topics, producer, partitions, [
      () => producer.drained(),
      () => reader.stop(),
      () => sender.close(),
    ]);
  }

  async close(): Promise<void> {
    for (const end of this.#ends) await end();
  }
}
