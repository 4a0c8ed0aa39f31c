import { setTimeout as sleep } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";
import { topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { courierCommits } from "#tests/support/inbox-rows.ts";
import type { SeededRandom } from "#tests/support/seeded-random.ts";
import type { History } from "./history.ts";
import { InboxDevice } from "./inbox-device.ts";
import { INBOX_TENANT, type Rig } from "./rig.ts";

const DEVICES = 2;
const PATIENCE_MS = 60_000;

/** Devices of some of the load's clients list and mark their inboxes. */
export class InboxLoad {
  readonly #rig: Rig;
  readonly #devices: InboxDevice[] = [];
  #started = false;

  private constructor(rig: Rig) {
    this.#rig = rig;
  }

  /** `keys`: clients of the tenant that has inboxes. */
  static async of(
    rig: Rig,
    keys: readonly string[],
    { history, random }: { history: History; random: SeededRandom },
  ): Promise<InboxLoad> {
    const load = new InboxLoad(rig);
    for (const key of keys) {
      const token = await rig.token({ client: key.slice(INBOX_TENANT.length + 1), tenant: INBOX_TENANT, ttl: 86_400 });
      for (let device = 0; device < DEVICES; device += 1)
        load.#devices.push(new InboxDevice(rig, { key, token, history, random }));
    }
    return load;
  }

  start(): void {
    this.#started = true;
    for (const device of this.#devices) device.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#devices.map((device) => device.stop()));
  }

  /** Lists each inbox once couriers have inserted all. Returns the ids of items that are read. */
  async find(): Promise<ReadonlySet<string>> {
    if (!this.#started) return new Set();
    await this.#inserted();
    const read: string[] = [];
    for (const device of this.#devices) read.push(...(await device.last()));
    return new Set(read);
  }

  /** After this patience the checker reports what is missing. */
  async #inserted(): Promise<void> {
    const to = { namespace: this.#rig.env.NAMESPACE!, env: { KAFKA_BROKERS: this.#rig.stores.kafka.url } };
    const admin = new Kafka({ brokers: [to.env.KAFKA_BROKERS], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      const ends = await admin.fetchTopicOffsets(topicsOf(to.namespace).accepted);
      for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; await sleep(200)) {
        const committed = await courierCommits(to).catch(() => []);
        if (ends.every(({ partition, high }) => Number(high) <= (committed[partition] ?? -1))) return;
      }
    } finally {
      await admin.disconnect();
    }
  }
}
