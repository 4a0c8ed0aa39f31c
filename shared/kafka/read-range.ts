import { randomUUID } from "node:crypto";
import type { Incoming, KafkaLink } from "./client.ts";

/** Reads the records of one partition from `from` to before `to`, in order, and ends. It goes on trying while Kafka is away. */
export async function readRange(
  kafka: Pick<KafkaLink, "readSlot">,
  { topic, partition, from, to }: { topic: string; partition: number; from: number; to: number },
  found: (record: Incoming) => void,
): Promise<void> {
  if (from >= to) return;
  let next = from;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const reader = await kafka.readSlot({
    topic,
    partition,
    // Each read joins a group of its own, which commits nothing: Kafka forgets it.
    group: `${topic}-${randomUUID()}`,
    position: () => next,
    onBatch({ records }) {
      for (const record of records) {
        if (record.offset < next || record.offset >= to) continue;
        next = record.offset + 1;
        found(record);
      }
      // Retention may have taken the last ones.
      if (next >= to || (records.at(-1)?.offset ?? -1) >= to) resolve();
    },
    onFatal: reject,
  });
  try {
    await promise;
  } finally {
    await reader.stop();
  }
}
