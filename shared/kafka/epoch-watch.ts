import { randomUUID } from "node:crypto";
import { EPOCHS_PARTITION, readEpoch, type Epoch } from "./epochs.ts";
import { Failure } from "#runtime/errors.ts";
import type { Health } from "#runtime/health.ts";
import type { KafkaLink } from "./client.ts";
import type { Topics } from "./topic-names.ts";

export interface EpochWatchOptions {
  kafka: Pick<KafkaLink, "partitions" | "endOffset" | "readSlot">;
  topics: Topics;
  health: Health;
  fatal: (error: unknown) => void;
}

const LOOK_AGAIN_MS = 1_000;

/**
 * Reads the current epoch from Kafka, so a service starts without Postgres. It then follows the epoch: an old one
 * would give new notifications lower sequences than their clients have. Waits until the topic matches the epoch.
 */
export async function watchEpoch({ kafka, topics, health, fatal }: EpochWatchOptions): Promise<{
  epoch: Epoch;
  reader: { stop(): Promise<void> };
}> {
  await kafka.partitions(topics.epochs);
  let position = Math.max(0, (await kafka.endOffset(topics.epochs, EPOCHS_PARTITION)) - 1);
  let latest: Epoch | undefined;
  let taken: Epoch | undefined;
  const reader = await kafka.readSlot({
    topic: topics.epochs,
    partition: EPOCHS_PARTITION,
    group: `${topics.epochs}-${randomUUID()}`,
    position: () => position,
    onBatch({ records }) {
      for (const record of records) {
        position = record.offset + 1;
        latest = readEpoch(record);
      }
      if (taken && latest?.epoch !== taken.epoch)
        fatal(new Failure("fatal", `Epoch ${latest?.epoch} has begun: this process is of epoch ${taken.epoch}.`));
    },
    onFatal: fatal,
  });
  for (;;) {
    const partitions = await kafka.partitions(topics.accepted);
    if (latest?.partitions === partitions) {
      taken = latest;
      health.up("epoch");
      return { epoch: latest, reader };
    }
    const found = latest ? `epoch ${latest.epoch} has ${latest.partitions}` : "no epoch was read yet";
    health.down("epoch", `${topics.accepted} has ${partitions} partitions, ${found}: run the provision service.`);
    await new Promise((resolve) => setTimeout(resolve, latest ? LOOK_AGAIN_MS : LOOK_AGAIN_MS / 10));
  }
}
