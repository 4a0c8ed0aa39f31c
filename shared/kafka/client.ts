import type { Consumer, ConsumerRunConfig, EachBatchPayload, PartitionAssigner, Producer } from "kafkajs";
import { Failure, messageOf } from "#runtime/errors.ts";
import { KafkaAdmin } from "./admin.ts";
import { coPartitioned, only } from "./partition-assigners.ts";
import { warmUpChecksum } from "./checksum.ts";
import { FetchThrottle } from "./fetch-throttle.ts";
import { ConsumerRunner } from "./consumer-runner.ts";

/**
 * The only importer of the Kafka client, with admin.ts and partition-assigners.ts. Partitions and offsets are numbers
 * (2^53 records are enough).
 */
export interface Outgoing {
  topic: string;
  partition: number;
  value: Buffer;
  headers?: Record<string, string>;
}

export interface Incoming {
  offset: number;
  /** When the broker appended it (log-append time), ms since 1970. */
  appended: number;
  value: Buffer | null;
  headers: Record<string, string>;
}

export interface Batch {
  topic: string;
  partition: number;
  records: Incoming[];
  /** The offset after the last record that consumers may read, at the time of this fetch. */
  highWatermark: number;
}

export interface Committed {
  topic: string;
  partition: number;
  offset: number;
  /** The next offset to read. It can be far beyond the offset, because settling takes longer than reading. */
  read?: number | undefined;
}

export interface GroupReader {
  /** Commits the offsets at which a new owner starts. Throws if the group has moved on. */
  commit(offsets: Committed[]): Promise<void>;
  /** Holds until `resume`, even if the partition is taken away and comes back. */
  pause(topic: string, partition: number): void;
  resume(topic: string, partition: number): void;
  /** Sets the next offset to read. `onBatch` must then return false. */
  seek(topic: string, partition: number, offset: number): void;
  /** Leaves the group and joins it as a new member: all partitions are reassigned. Do not await it within `onBatch`. */
  rejoin(): Promise<void>;
  stop(): Promise<void>;
}

export interface GroupReaderOptions {
  group: string;
  /** Co-partitioned topics: partition n of each goes to the same member. */
  topics: string[];
  /**
   * After every (re)join: all partitions that this member now has. `member` is unchanged unless the group expelled it.
   */
  onAssigned(partitions: number[], member: string): void;
  /** If it returns false, the whole batch counts as unread. */
  onBatch(batch: Batch): Promise<boolean>;
  onFatal: (error: unknown) => void;
  sessionTimeoutMs: number;
  /** Least time in ms between two fetches that return records: fewer fetches, and later records. */
  fetchMs?: number;
}

export interface SlotReaderOptions {
  topic: string;
  partition: number;
  group: string;
  /** The offset to start at, and to continue from after a disconnect. */
  position: () => number;
  onBatch(batch: Batch): void;
  onFatal: (error: unknown) => void;
}

/**
 * After an outage a reader joins as a new member, and the group waits for the end of the old one's session. Nothing is
 * read from the slot for that time. Kafka allows no less by default.
 */
const SLOT_SESSION_MS = 6_000;

export class KafkaLink extends KafkaAdmin {
  /**
   * Sends records in order, acks=all, and returns their offsets. The caller has one send in flight, and repeats
   * failures.
   */
  async sender(): Promise<{ send(records: Outgoing[]): Promise<number[]>; close(): Promise<void> }> {
    warmUpChecksum();
    let producer = await this.#producer();
    return {
      send: async (records) => {
        const answers = await producer.sendBatch({ acks: -1, timeout: 4_000, topicMessages: byTopic(records) });
        const next = new Map(
          answers.map((answer) => [`${answer.topicName}:${answer.partition}`, Number(answer.baseOffset)]),
        );
        const offsets = records.map(({ topic, partition }) => {
          const offset = next.get(`${topic}:${partition}`) ?? Number.NaN;
          next.set(`${topic}:${partition}`, offset + 1);
          return offset;
        });
        const unsent = records[offsets.findIndex(Number.isNaN)];
        if (!unsent) return offsets;
        // The client silently drops records for a partition that it does not know. A new producer reads new metadata.
        const old = producer;
        producer = await this.#producer();
        await old.disconnect();
        throw new Failure("retry", `Nothing was sent to partition ${unsent.partition} of ${unsent.topic}.`);
      },
      close: () => producer.disconnect(),
    };
  }

  /**
   * The producer does not retry. It would repeat a send to several brokers only to those that have not answered yet. A
   * broker that has answered may have passed a partition on meanwhile. Records for that partition would never be sent,
   * and would count as written.
   */
  async #producer(): Promise<Producer> {
    const producer = this.kafka.producer({
      allowAutoTopicCreation: false,
      idempotent: false,
      retry: { retries: 0 },
    });
    await this.reach("kafka", () => producer.connect());
    return producer;
  }

  async readGroup(options: GroupReaderOptions): Promise<GroupReader> {
    let owned: number[] = [];
    const consumer = this.#consumer(
      options.group,
      options.sessionTimeoutMs,
      coPartitioned(options.topics, () => owned),
    );
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      owned = payload.memberAssignment[options.topics[0]!] ?? [];
      options.onAssigned(owned, payload.memberId);
    });
    await this.reach("kafka", async () => {
      await consumer.connect();
      for (const topic of options.topics) await consumer.subscribe({ topic, fromBeginning: true });
    });
    const fetchThrottle = paceOf(consumer, options.fetchMs);
    const runner = await this.#run(consumer, options, {
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 64,
      eachBatch: async (payload) => {
        const read = await options.onBatch(toBatch(payload));
        if (read) payload.resolveOffset(payload.batch.lastOffset());
        await payload.heartbeat();
        await fetchThrottle.over(performance.now());
      },
    });
    return {
      commit: (offsets) =>
        consumer.commitOffsets(
          offsets.map(({ topic, partition, offset, read }) => ({
            topic,
            partition,
            offset: String(offset),
            metadata: read === undefined ? null : String(read),
          })),
        ),
      pause: (topic, partition) => consumer.pause([{ topic, partitions: [partition] }]),
      resume: (topic, partition) => consumer.resume([{ topic, partitions: [partition] }]),
      seek: (topic, partition, offset) => consumer.seek({ topic, partition, offset: String(offset) }),
      rejoin: () => runner.rejoin(),
      stop: () => runner.stop(),
    };
  }

  /** Reads one partition, with a group of its own: kafkajs reads only through groups. It never commits. */
  async readSlot(options: SlotReaderOptions): Promise<{ stop(): Promise<void> }> {
    const { topic, partition } = options;
    const consumer = this.#consumer(options.group, SLOT_SESSION_MS, only(topic, partition));
    consumer.on(consumer.events.GROUP_JOIN, () =>
      consumer.seek({ topic, partition, offset: String(options.position()) }),
    );
    await this.reach("kafka", async () => {
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
    });
    const fetchThrottle = paceOf(consumer);
    const runner = await this.#run(consumer, options, {
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async (payload) => {
        options.onBatch(toBatch(payload));
        payload.resolveOffset(payload.batch.lastOffset());
        await payload.heartbeat();
        await fetchThrottle.over(performance.now());
      },
    });
    return { stop: () => runner.stop() };
  }

  async #run(
    consumer: Consumer,
    { group, onFatal }: { group: string; onFatal: (error: unknown) => void },
    config: ConsumerRunConfig,
  ): Promise<ConsumerRunner<ConsumerRunConfig>> {
    const runner = new ConsumerRunner<ConsumerRunConfig>(consumer, config, onFatal);
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      this.health.down("kafka", messageOf(error));
      this.log.warn({ err: error, group, restarts: restart }, "the Kafka consumer stopped");
      runner.crashed({ error, restart });
    });
    await runner.start();
    return runner;
  }

  #consumer(group: string, sessionTimeout: number, assigner: PartitionAssigner): Consumer {
    const consumer = this.kafka.consumer({
      groupId: group,
      partitionAssigners: [assigner],
      sessionTimeout,
      rebalanceTimeout: Math.max(sessionTimeout, 5_000),
      heartbeatInterval: Math.min(500, sessionTimeout / 6),
      minBytes: 1,
      maxWaitTimeInMs: 500,
      maxBytesPerPartition: 1 << 20,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 },
    });
    consumer.on(consumer.events.GROUP_JOIN, () => this.health.up("kafka"));
    return consumer;
  }
}

function paceOf(consumer: Consumer, fetchMs?: number): FetchThrottle {
  const fetchThrottle = new FetchThrottle(fetchMs);
  consumer.on(consumer.events.FETCH_START, () => fetchThrottle.began(performance.now()));
  return fetchThrottle;
}

function byTopic(records: Outgoing[]) {
  const topics = new Map<string, { partition: number; key: null; value: Buffer; headers: Record<string, string> }[]>();
  for (const { topic, partition, value, headers = {} } of records) {
    let messages = topics.get(topic);
    if (!messages) topics.set(topic, (messages = []));
    messages.push({ partition, key: null, value, headers });
  }
  return Array.from(topics, ([topic, messages]) => ({ topic, messages }));
}

function toBatch({ batch }: EachBatchPayload): Batch {
  return {
    topic: batch.topic,
    partition: batch.partition,
    highWatermark: Number(batch.highWatermark),
    records: batch.messages.map(({ offset, timestamp, value, headers }) => ({
      offset: Number(offset),
      appended: Number(timestamp),
      value,
      headers: headers ? Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, String(text)])) : {},
    })),
  };
}
