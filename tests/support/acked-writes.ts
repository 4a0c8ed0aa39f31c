import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { KafkaLink, type Outgoing } from "@saasaparilla/shared/kafka/client.ts";
import { kafkaSettings } from "@saasaparilla/shared/kafka/settings.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { readSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { vi } from "vitest";
import { readTopic } from "./kafka-records.ts";
import type { Stack } from "./stack.ts";

const PARTITIONS = 12;

/** Sends repeatedly to every partition of a separate topic, and keeps the acknowledged records. */
export class AckedWrites {
  readonly #stack: Pick<Stack, "env">;
  readonly #topic: string;
  readonly #link: KafkaLink;
  readonly #ending = new AbortController();
  readonly #answered: { place: string; value: string }[] = [];
  #sends = 0;
  #run: Promise<void> | undefined;

  constructor(stack: Pick<Stack, "namespace" | "env">) {
    this.#stack = stack;
    this.#topic = `${stack.namespace}.witness`;
    const address = readSettings(kafkaSettings, stack.env);
    this.#link = new KafkaLink(address, "witness", createLog("test", "error"), new Health([]));
  }

  async start(replicas: number): Promise<void> {
    const config = { "min.insync.replicas": String(replicas - 1) };
    await this.#link.createTopics([{ topic: this.#topic, partitions: PARTITIONS, replicas, config }]);
    this.#run = this.#send();
    // stop() awaits this promise, and reports its failure.
    this.#run.catch(() => {});
  }

  async #send(): Promise<void> {
    const sender = await this.#link.sender();
    for (let count = 0; !this.#ending.signal.aborted; count += 1) {
      const value = Buffer.from(String(count));
      const records = Array.from({ length: PARTITIONS }, (_, partition): Outgoing => ({
        topic: this.#topic,
        partition,
        value,
      }));
      // The outcome of a failed send is unknown.
      const offsets = await sender.send(records).catch(() => []);
      for (const [partition, offset] of offsets.entries())
        this.#answered.push({ place: `${partition}:${offset}`, value: String(count) });
      if (offsets.length > 0) this.#sends += 1;
    }
    await sender.close();
  }

  async goesOn(): Promise<void> {
    const sends = this.#sends + 20;
    await vi.waitUntil(() => this.#sends > sends, { timeout: 30_000 });
  }

  /** Acknowledged records that are not at their offset. */
  async missing(): Promise<unknown[]> {
    await this.stop();
    const read = await readTopic(this.#stack, this.#topic);
    const there = new Map(read.map(({ partition, offset, value }) => [`${partition}:${offset}`, value.toString()]));
    return this.#answered.filter(({ place, value }) => there.get(place) !== value);
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#run;
  }
}
