import type { ClientKey, Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import type { ConnectionId, ControlMessage, RefusalReason } from "@saasaparilla/shared/protocol/control-messages.ts";
import type { Session } from "./session.ts";

/** A director waits ten seconds for an acknowledgement. Acknowledgements that wait together share packs. */
export const ACK_PATIENCE_MS = 20;

/** Sends this distributor's messages to directors: packed, on the client's control partition. */
export class ControlProducer {
  readonly #producer: BatchingProducer;
  readonly #topic: string;
  readonly #slot: () => { slot: number; incarnation: number };

  constructor(producer: BatchingProducer, topic: string, slot: () => { slot: number; incarnation: number }) {
    this.#producer = producer;
    this.#topic = topic;
    this.#slot = slot;
  }

  prepare(session: Session): void {
    const { key, sent, acked, acknowledges } = session;
    this.#signal(session.partition, { type: "prepare", key, sent, acked, acknowledges, ...this.id(session.id) });
  }

  commit(session: Session): void {
    const { key, generation, hold, sent } = session;
    this.#signal(session.partition, { type: "commit", key, generation, hold, sent, ...this.id(session.id) });
  }

  release({ partition, key, id, generation, hold }: Session): void {
    this.#signal(partition, { type: "release", key, generation, hold, ...this.id(id) });
  }

  refuse({ partition, key, id, generation }: Session, reason: RefusalReason): void {
    this.#signal(partition, { type: "refuse", key, generation, reason, ...this.id(id) });
  }

  close({ partition, key, id }: Pick<Session, "partition" | "key" | "id">): void {
    this.#signal(partition, { type: "close", key, ...this.id(id) });
  }

  /** A notification arrived for a connection that is not here. */
  refuseUnknown(partition: number, generation: number, key: ClientKey, session: number): void {
    this.#signal(partition, { type: "refuse", key, generation, reason: "unknown", ...this.id(session) });
  }

  /** Session 0: the client itself acknowledges, regardless of its connection. */
  ack(partition: number, key: ClientKey, session: number, sequence: Sequence): void {
    this.#producer.addPatiently(this.#topic, partition, (writer) => writer.ack(session, sequence, key));
  }

  id(session: number): ConnectionId {
    return { ...this.#slot(), session };
  }

  #signal(partition: number, message: ControlMessage): void {
    this.#producer.add(this.#topic, partition, (writer) => writer.signal(message));
  }
}
