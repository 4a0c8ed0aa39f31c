import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { partitionOf, queueKey, tenantOf } from "@saasaparilla/shared/protocol/notification.ts";
import { writeOptions } from "@saasaparilla/shared/protocol/options.ts";
import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { produce } from "#tests/support/kafka-records.ts";
import type { SeededRandom } from "#tests/support/seeded-random.ts";
import type { History } from "./history.ts";
import type { Rig } from "./rig.ts";

const EVERY_MS = 150;
const PATIENCE_MS = 30_000;

/**
 * Writes notifications to accepted that replace, take back and ask for an outcome, one after the other. At the end it
 * reads the outcomes from their queue.
 */
export class OptionPublisher {
  readonly #rig: Rig;
  readonly #history: History;
  readonly #random: SeededRandom;
  readonly #name: string;
  readonly #keys: readonly string[];
  readonly #ending = new AbortController();
  readonly #asked = new Set<string>();
  #sent = 0;
  #run: Promise<void> | undefined;

  /** `keys`: clients that acknowledge. */
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

  start(): void {
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
    const outcome = await produce(to, "accepted", partitionOf(key, this.#rig.partitions), [writer.take()]).then(
      () => "ok" as const,
      () => "unknown" as const,
    );
    if (outcome === "ok") this.#asked.add(notification);
    this.#history.add({ kind: "answer", id, outcome, notification, at: performance.now() });
  }

  /** Reads the outcomes, until each notification that asked has one. */
  async find(): Promise<void> {
    const queues = [...new Set(this.#keys.map((key) => queueKey(tenantOf(key), this.#name)))];
    const text = `select body from "${this.#rig.env.NAMESPACE!}".stored_notifications where client = any($1) order by client, sequence`;
    let events: { notification: string; message: string; outcome: string }[] = [];
    const missing = (): boolean => {
      const found = new Set(events.map(({ notification }) => notification));
      return [...this.#asked].some((id) => !found.has(id));
    };
    const deadline = performance.now() + PATIENCE_MS;
    do {
      const { rows } = await this.#rig.pool.query<{ body: Buffer }>(text, [queues]);
      events = rows.map(({ body }) => {
        const data = JSON.parse(notificationBody.payload(body).toString()) as { id: string; outcome: string };
        return { notification: data.id, message: notificationBody.id(body), outcome: data.outcome };
      });
    } while (missing() && performance.now() < deadline && (await sleep(250, true)));
    for (const event of events) this.#history.add({ kind: "outcome", ...event, at: performance.now() });
  }
}
