import { ConsumerRunner } from "@saasaparilla/shared/kafka/consumer-runner.ts";
import { Kafka, logLevel } from "kafkajs";
import { expect, test } from "vitest";
import { startStack } from "#tests/support/stack.ts";

test("a consumer that the Kafka client disconnected reads on after a new run", async () => {
  const stack = await startStack();
  const topic = `${stack.namespace}.accepted`;
  const kafka = new Kafka({ brokers: stack.env.KAFKA_BROKERS!.split(","), logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const consumer = kafka.consumer({ groupId: `${stack.namespace}.run`, maxWaitTimeInMs: 100 });
  const read: string[] = [];
  const fatal: unknown[] = [];
  const eachMessage = async ({ message }: { message: { value: Buffer | null } }): Promise<void> => {
    read.push(String(message.value));
  };
  const runner = new ConsumerRunner(consumer, { autoCommit: false, eachMessage }, (error) => fatal.push(error));
  try {
    await Promise.all([producer.connect(), consumer.connect()]);
    await consumer.subscribe({ topic, fromBeginning: true });
    await runner.start();
    await producer.send({ topic, messages: [{ partition: 0, value: "before" }] });
    await expect.poll(() => read).toEqual(["before"]);
    // As the Kafka client does before it reports a crash.
    await consumer.disconnect();
    await producer.send({ topic, messages: [{ partition: 0, value: "after" }] });
    runner.crashed({ error: new Error("Broker not connected"), restart: false });
    await expect.poll(() => read).toContain("after");
    expect(fatal).toEqual([]);
  } finally {
    await runner.stop();
    await producer.disconnect();
    await stack.close();
  }
});
