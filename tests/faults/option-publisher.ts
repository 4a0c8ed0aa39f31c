import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { partitionOf, tenantOf } from "@saasaparilla/shared/protocol/notification.ts";
import { writeOptions } from "@saasaparilla/shared/protocol/options.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { produce } from "#tests/support/kafka-records.ts";
import type { SeededRandom } from "#tests/support/seeded-random.ts";
import type { History } from "./history.ts";
import { QueueReader, type ReadMessage } from "./queue-reader.ts";
import type { Rig } from "./rig.ts";

const EVERY_MS = 150;
const PATIENCE_MS = 30_000;

/**
 * Writes notifications to accepted that replace, take back and ask for an outcome, one after the other, and reads the
 * outcomes from their queue of each tenant.
 */
export class OptionPublisher {
  readonly #rig: Rig;
  readonly #history: History;
  readonly #random: SeededRandom;
  readonly #name: string;
  readonly #keys: readonly string[];
  readonly #ending = new AbortController();
  /** The outcomes that are still to come: `read` is one of its own. */
  readonly #asked = new Set<string>();
  readonly #written: string[] = [];
  readonly #read = new Set<string>();
  #readers: QueueReader[] = [];
  #sent = 0;
  #run: Promise<void> | undefined;

  /** `keys`: the acknowledging clients. */
  constructor(
    rig: Rig,
    keys: readonly string[],
    { name, history, random }: { name: string; history: History; random: SeededRandom },
  ) {
    this.#rig = rig;
    this.#keys = keys;
    this.#name = name;
    this.#history = history;
    this.#random = random;
  }

  async start(): Promise<void> {
    this.#readers = await Promise.all(
      [...new Set(this.#keys.map(tenantOf))].map((tenant) =>
        QueueReader.of(this.#rig, {
          tenant,
          queue: this.#name,
          way: "messages",
          random: this.#random,
          events: { read: (messages) => this.#note(messages), confirmed: () => {} },
        }),
      ),
    );
    for (const reader of this.#readers) reader.start();
    this.#run = (async () => {
      for (; !this.#ending.signal.aborted; await sleep(EVERY_MS)) await this.#write();
    })();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#run;
  }

  async #write(): Promise<void> {
    const key = this.#random.pick(this.#keys);
    const id = `${this.#name}.options.${(this.#sent += 1)}`;
    const notification = randomUUID();
    const options = { collapse: this.#random.pick(["a", "b"]), ...(this.#random.in(0.3) ? { retract: true } : {}) };
    const writer = new PackWriter();
    writer.notification({
      key,
      id: notification,
      options: writeOptions({ ...options, outcomes: this.#name }),
      payload: Buffer.from(JSON.stringify({ id })),
    });
    const more = { collapse: options.collapse, ...(options.retract ? { retract: true as const } : {}) };
    const stream = "options";
    this.#history.add({ kind: "send", id, key, stream, at: performance.now(), ...more, asks: true });
    const to = { namespace: this.#rig.env.NAMESPACE!, env: { KAFKA_BROKERS: this.#rig.stores.kafka.url } };
    this.#asked.add(notification);
    this.#written.push(notification);
    const outcome = await produce(to, "accepted", partitionOf(key, this.#rig.partitions), [writer.take()]).then(
      () => "ok" as const,
      () => "unknown" as const,
    );
    if (outcome !== "ok") this.#asked.delete(notification);
    this.#history.add({ kind: "answer", id, outcome, notification, at: performance.now() });
  }

  /** Reads on until each notification that asked has an outcome, and each that is `read` in its inbox that one too. */
  async find(read: ReadonlySet<string>): Promise<void> {
    for (const notification of this.#written)
      if (read.has(notification) && !this.#read.has(notification)) this.#asked.add(`${notification} read`);
    const deadline = performance.now() + PATIENCE_MS;
    while (this.#asked.size > 0 && performance.now() < deadline) await sleep(100);
    await Promise.all(this.#readers.map((reader) => reader.stop()));
  }

  #note(messages: readonly ReadMessage[]): void {
    const at = performance.now();
    for (const { id: message, data } of messages) {
      const { id: notification, outcome } = data as { id: string; outcome: string };
      this.#asked.delete(outcome === "read" ? `${notification} read` : notification);
      if (outcome === "read") this.#read.add(notification);
      this.#history.add({ kind: "outcome", notification, message, outcome, at });
    }
  }
}
