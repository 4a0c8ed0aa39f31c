import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { partitionOf, queueKey } from "@saasaparilla/shared/protocol/notification.ts";
import { QueueConsumer, grantQueues } from "#tests/support/queue-consumer.ts";
import type { Stack } from "#tests/support/stack.ts";
import { Link } from "#bench/load/kafka-link.ts";
import { dataOf } from "#bench/load/load-publisher.ts";
import { Meters } from "#bench/load/meters.ts";
import { startPlatform } from "#bench/load/platform.ts";
import { until } from "#bench/load/until.ts";
import type { Figures } from "#bench/results/figures.ts";
import { turn } from "#bench/results/interleave.ts";
import { recordCost } from "#bench/results/record.ts";

const QUEUE = "load";
const KEY = queueKey("acme", QUEUE);
const WARM_SECONDS = 3;
const LIMIT = 1_000;
/** The most messages that are published and not yet confirmed. */
const UNDER_WAY = 20_000;

/**
 * Writes messages for one queue to accepted, and consumes them: by one reader that confirms what it has read, or by
 * workers that compete by claims.
 */
export async function queue(
  figures: Figures,
  work: string,
  { workers, runs, seconds }: { workers: number; runs: number; seconds: number },
): Promise<void> {
  const stack = await startPlatform(["director", "dispatcher", "console"], { CLIENT_STORED: "1000000000" });
  const meters = await Meters.of(stack);
  const load = await QueueLoad.of(stack);
  try {
    await load.run(workers, WARM_SECONDS);
    for (let run = 0; run < runs; run += 1) {
      await turn();
      const before = load.confirmed;
      const end = await meters.begin();
      await load.run(workers, seconds);
      const cost = await end();
      const confirmed = load.confirmed - before;
      figures.note(work, "confirmed", confirmed / cost.seconds, { unit: "/s", better: "higher", aim: 10_000 });
      recordCost(figures, work, cost, confirmed);
    }
    await load.drain(workers);
  } finally {
    await load.close();
    await meters.close();
    await stack.close();
  }
}

class QueueLoad {
  readonly #link: Link;
  readonly #consumer: QueueConsumer;
  sent = 0;
  confirmed = 0;

  private constructor(link: Link, consumer: QueueConsumer) {
    this.#link = link;
    this.#consumer = consumer;
  }

  static async of(stack: Stack): Promise<QueueLoad> {
    const [, dispatcher, desk] = stack.services;
    await grantQueues(stack, desk!);
    const consumer = await QueueConsumer.of(stack, dispatcher!);
    await until(async () => (await consumer.read(QUEUE)).status === 200, "the grant is there");
    const link = await Link.open(
      stack,
      ({ routed }) => routed,
      () => undefined,
    );
    return new QueueLoad(link, consumer);
  }

  /** Runs at full speed for this many seconds. */
  async run(workers: number, seconds: number): Promise<void> {
    const deadline = performance.now() + seconds * 1_000;
    await this.#all(workers, () => performance.now() >= deadline, true);
  }

  /** Runs until the queue is empty. */
  async drain(workers: number): Promise<void> {
    await this.#all(workers, () => this.confirmed >= this.sent, false);
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  async #all(workers: number, over: () => boolean, publishes: boolean): Promise<void> {
    await Promise.all(Array.from({ length: Math.max(1, workers) }, () => this.#consume(workers > 0, over, publishes)));
  }

  async #consume(claims: boolean, over: () => boolean, publishes: boolean): Promise<void> {
    while (!over()) {
      if (publishes) this.#publish(UNDER_WAY - (this.sent - this.confirmed));
      const { body } = claims
        ? await this.#consumer.claim(QUEUE, { limit: LIMIT, seconds: 60 })
        : await this.#consumer.read(QUEUE, `?limit=${LIMIT}&wait=1`);
      if (body.messages.length === 0) {
        await sleep(5);
        continue;
      }
      const answer = await this.#consumer.confirm(QUEUE, ...body.messages.map(({ receipt }) => receipt));
      if (answer.body.confirmed !== body.messages.length)
        throw new Error(`Of ${body.messages.length} messages ${answer.body.confirmed} were confirmed.`);
      this.confirmed += answer.body.confirmed;
    }
  }

  #publish(count: number): void {
    const { producer, topics, partitions } = this.#link;
    for (let index = 0; index < count; index += 1) {
      const payload = Buffer.from(dataOf(this.sent, 0), "latin1");
      const id = randomUUID();
      producer.add(topics.accepted, partitionOf(KEY, partitions), (writer) =>
        writer.notification({ key: KEY, id, payload }),
      );
      this.sent += 1;
    }
  }
}
