import { expect, test } from "vitest";
import { writeEpoch, type Epoch } from "./epochs.ts";
import { Health } from "#runtime/health.ts";
import type { SlotReaderOptions } from "./client.ts";
import { topicsOf } from "./topic-names.ts";
import { watchEpoch } from "./epoch-watch.ts";

/** The part of Kafka that an epoch needs. */
function kafkaWith(log: Epoch[], state: { partitions: number }) {
  let reading: SlotReaderOptions | undefined;
  const batch = () => {
    const records = log.map((epoch, offset) => ({ offset, appended: 0, value: writeEpoch(epoch), headers: {} }));
    const { topic, partition, position, onBatch } = reading!;
    onBatch({ topic, partition, records: records.slice(position()), highWatermark: log.length });
  };
  return {
    partitions: () => Promise.resolve(state.partitions),
    endOffset: () => Promise.resolve(log.length),
    readSlot(options: SlotReaderOptions) {
      reading = options;
      batch();
      return Promise.resolve({ stop: () => Promise.resolve() });
    },
    begin(epoch: Epoch): void {
      log.push(epoch);
      batch();
    },
  };
}

test("a director uses the last epoch once the topic matches it, and ends when another begins", async () => {
  const state = { partitions: 3 };
  const kafka = kafkaWith([{ epoch: 1, partitions: 9 }], state);
  const health = new Health(["epoch"]);
  const errors: string[] = [];
  const fatal = (error: unknown): void => void errors.push(String(error));
  const following = watchEpoch({ kafka, topics: topicsOf("test"), health, fatal });
  await expect.poll(() => health.ready().missing.epoch).toContain("test.accepted has 3 partitions, epoch 1 has 9");
  kafka.begin({ epoch: 2, partitions: 9 });
  state.partitions = 9;
  expect((await following).epoch).toEqual({ epoch: 2, partitions: 9 });
  expect(health.ready().ready).toBe(true);
  kafka.begin({ epoch: 2, partitions: 9 });
  expect(errors).toEqual([]);
  kafka.begin({ epoch: 3, partitions: 9 });
  expect(errors).toEqual(["Failure: Epoch 3 has begun: this process is of epoch 2."]);
});
