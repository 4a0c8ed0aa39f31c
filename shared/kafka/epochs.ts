import type { Incoming, KafkaLink } from "./client.ts";
import { readRange } from "./read-range.ts";

/** One life of the accepted topic: the first four digits of its sequences. docs/operations/epochs.md */
export interface Epoch {
  epoch: number;
  /** Of accepted, and so of control and deferred. */
  partitions: number;
}

/** The epochs topic has one partition, and is kept for ever: its last record is the present epoch. */
export const EPOCHS_PARTITION = 0;

export function writeEpoch({ epoch, partitions }: Epoch): Buffer {
  return Buffer.from(JSON.stringify({ epoch, partitions }));
}

export function readEpoch({ value }: Pick<Incoming, "value">): Epoch {
  return JSON.parse(String(value)) as Epoch;
}

/** Undefined if none was ever written. */
export async function latestEpoch(
  kafka: Pick<KafkaLink, "endOffset" | "readSlot">,
  topic: string,
): Promise<Epoch | undefined> {
  const to = await kafka.endOffset(topic, EPOCHS_PARTITION);
  let latest: Epoch | undefined;
  const range = { topic, partition: EPOCHS_PARTITION, from: Math.max(0, to - 1), to };
  for await (const record of readRange(kafka, range)) latest = readEpoch(record);
  return latest;
}
