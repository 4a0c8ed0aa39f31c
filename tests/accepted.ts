import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import { notificationBody, readPack } from "../shared/pack.ts";
import { topicsOf } from "../shared/topics.ts";
import type { Stack } from "./stack.ts";

/** A notification as it stands in the accepted topic. */
export interface Accepted {
  partition: number;
  offset: number;
  /** In the pack. */
  index: number;
  id: string;
  key: string;
  ttl: number;
  event: string;
  traceparent: string;
  payload: string;
}

/** All that the accepted topic holds at the time of the call, each partition in its order. */
export async function readAccepted({ namespace, env }: Pick<Stack, "namespace" | "env">): Promise<Accepted[]> {
  const kafka = new Kafka({ brokers: env.KAFKA_BROKERS!.split(","), logLevel: logLevel.NOTHING });
  const topic = topicsOf(namespace).accepted;
  const admin = kafka.admin();
  await admin.connect();
  const ends = (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => ({ partition, end: Number(high) }));
  await admin.disconnect();
  const open = new Map(ends.filter(({ end }) => end > 0).map(({ partition, end }) => [partition, end]));
  if (open.size === 0) return [];
  const read: Accepted[] = [];
  const consumer = kafka.consumer({ groupId: `${namespace}.reader-${randomUUID()}`, maxWaitTimeInMs: 50 });
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
        readPack(message.value!, (_kind, body, index) => read.push(toAccepted(body, partition, offset, index)));
        if (offset + 1 >= end) open.delete(partition);
        if (open.size === 0) resolve();
      };
      // A coordinator that is still loading, as on a new broker, is asked again.
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        if (!payload.restart) reject(payload.error);
      });
      consumer.run({ eachMessage, autoCommit: false }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return read.sort((a, b) => a.partition - b.partition || a.offset - b.offset || a.index - b.index);
}

function toAccepted(body: Buffer, partition: number, offset: number, index: number): Accepted {
  return {
    partition,
    offset,
    index,
    id: notificationBody.id(body),
    key: notificationBody.key(body),
    ttl: notificationBody.ttl(body),
    event: notificationBody.event(body),
    traceparent: notificationBody.traceparent(body),
    payload: notificationBody.payload(body).toString(),
  };
}
