import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import { topicsOf, type Topics } from "@saasaparilla/shared/kafka/topic-names.ts";
import type { Stack } from "./stack.ts";

/** Writes records unchanged, without the receiver; returns their offsets. */
export async function produce(
  { namespace, env }: Pick<Stack, "namespace" | "env">,
  topic: keyof Topics,
  partition: number,
  values: (Buffer | null)[],
  timestamp?: number,
): Promise<number> {
  const kafka = new Kafka({ brokers: env.KAFKA_BROKERS!.split(","), logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  try {
    const messages = values.map((value) => ({
      partition,
      value,
      ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }),
    }));
    const [sent] = await producer.send({ topic: topicsOf(namespace)[topic], acks: -1, messages });
    return Number(sent!.baseOffset);
  } finally {
    await producer.disconnect();
  }
}

export interface Written {
  partition: number;
  offset: number;
  value: Buffer;
}

/** Reads all present records of the topic, each partition in its order. */
export function readAll(stack: Pick<Stack, "namespace" | "env">, name: keyof Topics): Promise<Written[]> {
  return readTopic(stack, topicsOf(stack.namespace)[name]);
}

export async function readTopic({ env }: Pick<Stack, "env">, topic: string): Promise<Written[]> {
  const kafka = new Kafka({ brokers: env.KAFKA_BROKERS!.split(","), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const ends = (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => ({ partition, end: Number(high) }));
  await admin.disconnect();
  const open = new Map(ends.filter(({ end }) => end > 0).map(({ partition, end }) => [partition, end]));
  if (open.size === 0) return [];
  const read: Written[] = [];
  const consumer = kafka.consumer({ groupId: `${topic}.reader-${randomUUID()}`, maxWaitTimeInMs: 50 });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const eachMessage = async ({
        partition,
        message,
      }: {
        partition: number;
        message: { offset: string; value: Buffer | null };
      }): Promise<void> => {
        const offset = Number(message.offset);
        const end = open.get(partition);
        if (end === undefined) return;
        read.push({ partition, offset, value: message.value! });
        if (offset + 1 >= end) open.delete(partition);
        if (open.size === 0) resolve();
      };
      // On a new broker the coordinator may still be loading, so this asks again.
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        if (!payload.restart) reject(payload.error);
      });
      consumer.run({ eachMessage, autoCommit: false }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return read.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}
