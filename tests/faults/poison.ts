import { setTimeout as sleep } from "node:timers/promises";
import { topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import type { SeededRandom } from "#tests/support/seeded-random.ts";
import { DeadLettersApi, type DeadLetter } from "#tests/support/dead-letters-api.ts";
import { produce } from "#tests/support/kafka-records.ts";
import type { History } from "./history.ts";
import type { Rig } from "./rig.ts";

const EVERY_MS = 700;
const PATIENCE_MS = 30_000;

/** One item of this kind, with any body. */
function pack(kind: number, body: Buffer): Buffer {
  const head = Buffer.from([1, 0, 1, 0, 0, 0, 0, kind]);
  head.writeUInt32BE(1 + body.length, 3);
  return Buffer.concat([head, body]);
}

const KINDS = [(text: Buffer) => text, (text: Buffer) => pack(9, text), (text: Buffer) => pack(1, text)];

const placeOf = ({ topic, partition, offset }: Pick<DeadLetter, "topic" | "partition" | "offset">): string =>
  `${topic}/${partition}/${offset}`;

/**
 * Writes unprocessable records to accepted, past the receivers; each must be a dead letter, and nothing else may be.
 */
export class Poison {
  readonly #rig: Rig;
  readonly #history: History;
  readonly #random: SeededRandom;
  /** A part of each record that only this load writes. */
  readonly #mark: string;
  readonly #ending = new AbortController();
  readonly #places = new Set<string>();
  readonly #seen = new Set<string>();
  #written = 0;
  #run: Promise<void> | undefined;

  constructor(rig: Rig, { name, history, random }: { name: string; history: History; random: SeededRandom }) {
    this.#rig = rig;
    this.#mark = `poison ${name}.`;
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
    const partition = this.#random.below(this.#rig.partitions);
    const value = this.#random.pick(KINDS)(Buffer.from(`${this.#mark}${(this.#written += 1)}`));
    const to = { namespace: this.#rig.env.NAMESPACE!, env: { KAFKA_BROKERS: this.#rig.stores.kafka.url } };
    const at = performance.now();
    try {
      const offset = await produce(to, "accepted", partition, [value]);
      const place = placeOf({ topic: topicsOf(to.namespace).accepted, partition, offset });
      this.#places.add(place);
      this.#history.add({ kind: "poison", place, partition, at });
    } catch {
      // The dead letters show whether the record was written.
    }
  }

  /** Reads new dead letters since the last run, until each written record is there. */
  async find(): Promise<void> {
    const deadLettersApi = await DeadLettersApi.of(this.#rig, () => this.#rig.of("director")[0]!.service);
    const deadline = performance.now() + PATIENCE_MS;
    do {
      for (const letter of await deadLettersApi.list(`?limit=500&after=${this.#rig.lastDeadLetter}`)) {
        this.#rig.lastDeadLetter = letter.id;
        await this.#note(letter, deadLettersApi);
      }
    } while (
      [...this.#places].some((place) => !this.#seen.has(place)) &&
      performance.now() < deadline &&
      (await sleep(100, true))
    );
    for (const place of this.#places) this.#rig.poisoned.add(place);
  }

  async #note(letter: DeadLetter, deadLettersApi: DeadLettersApi): Promise<void> {
    const place = placeOf(letter);
    const { partition, reason } = letter;
    const at = performance.now();
    this.#seen.add(place);
    if (!this.#places.has(place)) {
      // A successor repeats the uncommitted work from the end of the run.
      const claimed = this.#history.events.some((event) => event.kind === "claim" && event.partition === partition);
      if (claimed && this.#rig.poisoned.has(place)) return;
      // Written despite a failed or missing answer, or written twice.
      const { content } = await deadLettersApi.show(letter.id);
      if (content && "base64" in content && Buffer.from(content.base64, "base64").includes(this.#mark)) {
        this.#history.add({ kind: "poison", place, partition, at });
        this.#places.add(place);
      }
    }
    const notifications = letter.notifications.map(({ id }) => id);
    this.#history.add({ kind: "dead letter", place, notifications, reason, at });
  }
}
