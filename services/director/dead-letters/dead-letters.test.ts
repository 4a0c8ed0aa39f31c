import { expect, test } from "vitest";
import type { Outgoing } from "@saasaparilla/shared/kafka/client.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { BatchingProducer, type BatchingProducerOptions } from "@saasaparilla/shared/kafka/batching-producer.ts";
import { topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { DeadLetters } from "@saasaparilla/shared/kafka/dead-letters.ts";
import { Ownership } from "#partitions/ownership.ts";
import { PartitionLanes } from "#partitions/partition.ts";
import type { PartitionEffects, PartitionOptions } from "#partitions/partition-options.ts";

function partitionWith(deadLetters: DeadLetters): PartitionLanes {
  const options = {
    claim: {
      ownership: Object.assign(new Ownership(0), { state: "OWNED", generation: 0 }),
      deferred: { committed: 0, end: 0 },
    },
    epoch: 1,
    limits: {},
    clock: { monotonic: () => 0, wall: () => 0 },
  } as PartitionOptions;
  const effects: Partial<PartitionEffects> = { deadLetter: (letter) => deadLetters.add(letter) };
  return new PartitionLanes(options, () => effects as PartitionEffects);
}

function deadLettersBy(send: BatchingProducerOptions["send"]): DeadLetters {
  const options = { maxPackBytes: 1e6, maxSendBytes: 1e6, onFailure: "retry", failed: () => {} } as const;
  const reports = { metrics: { deadLettered: () => {} }, log: createLog("test", "fatal") };
  return new DeadLetters(new BatchingProducer({ send, ...options }), topicsOf("test").deadLetters, reports);
}

const record = (offset: number) => ({ offset, appended: 0, value: Buffer.from("no pack"), headers: {} });

test("a record is settled only once its dead letter is in Kafka, however often that fails", async () => {
  let there = (): void => {};
  const sent: Outgoing[] = [];
  const kafka = new Promise<void>((resolve) => (there = resolve));
  let tries = 0;
  const partition = partitionWith(
    deadLettersBy(async (records) => {
      if ((tries += 1) === 1) throw new Error("Kafka is away.");
      await kafka;
      sent.push(...records);
      return records.map(() => 0);
    }),
  );
  partition.accepted({ topic: "test.accepted", partition: 0, records: [record(5), record(6)], highWatermark: 7 });
  await expect.poll(() => tries).toBe(2);
  expect({ unsettled: partition.unsettled, commit: partition.commit() }).toEqual({ unsettled: 2, commit: undefined });
  there();
  await expect.poll(() => partition.unsettled).toBe(0);
  expect(partition.commit()).toBe(7);
  expect(sent.map(({ headers }) => headers)).toMatchObject([
    { topic: "test.accepted", partition: "0", offset: "5" },
    { topic: "test.accepted", partition: "0", offset: "6" },
  ]);
});

test("concurrent dead letters keep each send within its limit", async () => {
  const sends: number[] = [];
  const deadLetters = deadLettersBy((records) => {
    sends.push(records.length);
    return Promise.resolve(records.map(() => 0));
  });
  const letter = { topic: "t", partition: 0, offset: 0, value: Buffer.alloc(0), reason: "x".repeat(100_000) };
  await Promise.all(Array.from({ length: 2_000 }, () => deadLetters.add(letter)));
  expect(Math.max(...sends)).toBeLessThan(600);
});
