import { randomUUID } from "node:crypto";
import { ReadableStream, type ReadableStreamDefaultController } from "node:stream/web";
import type { Incoming, KafkaLink } from "./client.ts";

export interface Range {
  topic: string;
  partition: number;
  from: number;
  to: number;
}

/** The records of one partition from `from` to before `to`, in order. It retries while Kafka is unavailable. */
export async function* readRange(
  kafka: Pick<KafkaLink, "readSlot">,
  { topic, partition, from, to }: Range,
): AsyncGenerator<Incoming> {
  if (from >= to) return;
  let next = from;
  let open = true;
  let records!: ReadableStreamDefaultController<Incoming>;
  const stream = new ReadableStream<Incoming>({
    start: (controller) => void (records = controller),
    cancel: () => void (open = false),
  });
  const reader = await kafka.readSlot({
    topic,
    partition,
    // Each read joins a new group, which commits nothing, so Kafka forgets it.
    group: `${topic}-${randomUUID()}`,
    position: () => next,
    onBatch(batch) {
      for (const record of batch.records) {
        if (!open || record.offset < next || record.offset >= to) continue;
        next = record.offset + 1;
        records.enqueue(record);
      }
      // Retention may have deleted the last records.
      if (!open || (next < to && (batch.records.at(-1)?.offset ?? -1) < to)) return;
      open = false;
      records.close();
    },
    onFatal: (error) => records.error(error),
  });
  try {
    yield* stream;
  } finally {
    await reader.stop();
  }
}
