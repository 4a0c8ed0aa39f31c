import { randomUUID } from "node:crypto";
import type { Batch } from "@saasaparilla/shared/kafka/client.ts";
import { partitionOf, START, type ClientKey, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { Kind, notificationBody, readDeliver, readPack, readMessage } from "@saasaparilla/shared/protocol/pack.ts";
import { asRouted } from "@saasaparilla/shared/protocol/control-messages.ts";
import type { Stack } from "#tests/support/stack.ts";
import { Link } from "./kafka-link.ts";
import { clientName, dataOf } from "./load-publisher.ts";

const SLOT = 0;
const INCARNATION = 1;

/** Replaces receiver and distributor, to measure a director alone. Live clients acknowledge each batch at once. */
export class FakeDistributor {
  readonly #keys: ClientKey[];
  #link!: Link;
  #at = 0;
  sent = 0;
  routed = 0;
  live = 0;
  /** Called after a notification was routed, or a client became live. */
  onRouted: () => void = () => {};

  private constructor(clients: number) {
    this.#keys = Array.from({ length: clients }, (_, client) => `acme/${clientName(client)}`);
  }

  static async of(stack: Stack, clients: number): Promise<FakeDistributor> {
    const distributor = new FakeDistributor(clients);
    distributor.#link = await Link.open(
      stack,
      ({ routed }) => routed,
      (batch) => distributor.#read(batch),
    );
    return distributor;
  }

  /** All clients ask to be live. */
  connect(): void {
    this.#keys.forEach((key, index) => {
      const signal = { type: "prepare", key, sent: START, acked: START, acknowledges: true, ...connection(index) };
      this.#control(key, signal);
    });
  }

  /** Writes this many notifications to accepted, to each client in turn. */
  accept(count: number): void {
    const { producer, topics, partitions } = this.#link;
    for (let index = 0; index < count; index += 1) {
      this.#at = (this.#at + 1) % this.#keys.length;
      const key = this.#keys[this.#at]!;
      const payload = Buffer.from(dataOf(this.sent, 0), "latin1");
      const id = randomUUID();
      producer.add(topics.accepted, partitionOf(key, partitions), (writer) =>
        writer.notification({ key, id, payload }),
      );
      this.sent += 1;
    }
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  #read({ records }: Batch): void {
    const acknowledged = new Map<number, { key: ClientKey; sequence: Sequence }>();
    for (const { value } of records) {
      readPack(value!, (kind, body) => {
        if (kind === Kind.DELIVER) {
          const { session, sequence, body: notification } = readDeliver(body);
          this.routed += 1;
          acknowledged.set(session, { key: notificationBody.key(notification), sequence });
          return;
        }
        const message = asRouted(readMessage(body));
        if (message.type !== "held") return;
        const key = this.#keys[message.session - 1]!;
        const { generation, hold, session } = message;
        this.#control(key, { type: "commit", key, generation, hold, sent: START, ...connection(session - 1) });
        this.live += 1;
      });
    }
    for (const [session, { key, sequence }] of acknowledged) {
      const { producer, topics, partitions } = this.#link;
      producer.add(topics.control, partitionOf(key, partitions), (writer) => writer.ack(session, sequence, key));
    }
    this.onRouted();
  }

  #control(key: ClientKey, signal: object): void {
    const { producer, topics, partitions } = this.#link;
    producer.add(topics.control, partitionOf(key, partitions), (writer) => writer.signal(signal));
  }
}

function connection(index: number): { slot: number; incarnation: number; session: number } {
  return { slot: SLOT, incarnation: INCARNATION, session: index + 1 };
}
