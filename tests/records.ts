import { Kafka, logLevel } from "kafkajs";
import { topicsOf, type Topics } from "../shared/topics.ts";
import type { Stack } from "./stack.ts";

/** Writes records as they are, past the receiver; answers their offsets. */
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
