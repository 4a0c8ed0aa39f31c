import { RareLog } from "@saasaparilla/shared/runtime/rare-log.ts";
import { classify, Failure, messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Batch } from "@saasaparilla/shared/kafka/client.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import {
  Kind,
  notificationBody,
  readDeliver,
  readPack,
  readMessage,
  type Deliver,
} from "@saasaparilla/shared/protocol/pack.ts";
import { CloseCodes } from "@saasaparilla/shared/protocol/close-codes.ts";
import {
  asRouted,
  type DisconnectMessage,
  type InboxMessage,
  type RoutedMessage,
} from "@saasaparilla/shared/protocol/control-messages.ts";
import type { DistributorMetrics } from "#metrics.ts";
import type { Connection } from "./connection.ts";
import type { Hub } from "./hub.ts";
import type { PresenceWriter } from "#maintenance/presence-writer.ts";
import type { ControlProducer } from "./control-producer.ts";

/**
 * THE PATH: routed > session > outbox. Refuses records of another incarnation, and of a generation older than the
 * newest it has seen.
 */
export class RoutedConsumer {
  readonly #hub: Hub;
  readonly #controlProducer: ControlProducer;
  readonly #metrics: DistributorMetrics;
  readonly #log: Log;
  readonly #incarnation: () => number;
  readonly #presenceWriter: Pick<PresenceWriter, "remove">;
  /** By partition, the newest generation that sent a record. */
  readonly #generations: number[] = [];
  readonly #rareLog = new RareLog();

  constructor(options: {
    hub: Hub;
    controlProducer: ControlProducer;
    metrics: DistributorMetrics;
    log: Log;
    incarnation: () => number;
    presenceWriter: Pick<PresenceWriter, "remove">;
  }) {
    this.#hub = options.hub;
    this.#controlProducer = options.controlProducer;
    this.#metrics = options.metrics;
    this.#log = options.log;
    this.#incarnation = options.incarnation;
    this.#presenceWriter = options.presenceWriter;
  }

  batch({ topic, partition, records }: Batch): void {
    for (const { value, offset } of records) {
      if (!value) continue;
      try {
        readPack(
          value,
          (kind, body, index) => {
            if (kind === Kind.DELIVER) this.#deliver(readDeliver(body));
            else if (kind === Kind.SIGNAL) this.#anySignal(asRouted(readMessage(body)));
            else throw new Failure("reject", `Item ${index} has the unknown kind ${kind}.`);
          },
          ({ index, error }) => this.#skipped({ topic, partition, offset, index }, error),
        );
      } catch (error) {
        if (classify(error) !== "reject") throw error;
        this.#skipped({ topic, partition, offset }, error);
      }
    }
  }

  /** Routed is only transport: the director is responsible for its contents, and sends or stores them again. */
  #skipped(place: { topic: string; partition: number; offset: number; index?: number }, error: unknown): void {
    this.#metrics.skipped("routed");
    this.#rareLog.say((silent) =>
      this.#log.error({ ...place, err: error, silent }, `skipped in routed: ${messageOf(error)}`),
    );
  }

  #deliver(message: Deliver): void {
    if (this.#fenced(message)) return;
    const { session, partition, generation, prev, sequence, appended, body } = message;
    const connection = this.#hub.find(session);
    if (!connection) {
      this.#metrics.refused("unknown");
      this.#controlProducer.refuseUnknown(partition, generation, notificationBody.key(body), session);
      return;
    }
    if (connection.session.key !== notificationBody.key(body)) {
      this.#log.error(
        { client: connection.session.key, session },
        "dropped: a notification for another client than this connection's",
      );
      return;
    }
    this.#hub.step(connection, { type: "deliver", generation, prev, row: { sequence, appended, body } });
  }

  #anySignal(message: RoutedMessage | InboxMessage | DisconnectMessage): void {
    if (message.type === "inbox") this.#inbox(message);
    else if (message.type === "disconnect") this.#disconnect(message);
    else this.#signal(message);
  }

  /** A hint: the client reads its list after `live`, so a lost one costs time only. */
  #inbox({ incarnation, session, key, frame }: InboxMessage): void {
    if (incarnation !== this.#incarnation()) {
      this.#metrics.fenced();
      return;
    }
    const connection = this.#hub.find(session);
    if (connection?.session.key !== key) this.#metrics.inboxFrame("unknown");
    else this.#metrics.inboxFrame(connection.wire.inbox(frame) ? "sent" : "slow");
  }

  /** Its session may already belong to another client: the number of a session can come again. */
  #disconnect({ incarnation, session, key }: DisconnectMessage): void {
    if (incarnation !== this.#incarnation()) {
      this.#metrics.fenced();
      return;
    }
    const connection = this.#hub.find(session);
    if (connection?.session.key === key) this.#hub.end(connection, CloseCodes.disconnected);
  }

  #signal(message: RoutedMessage): void {
    if (this.#fenced(message)) return;
    const connection = this.#hub.find(message.session);
    if (connection) this.#toSession(connection, message);
    else if (message.type === "invite") {
      // Redis still names a closed connection. The entry is removed, and the director is told.
      this.#presenceWriter.remove(message.key, message.session);
      this.#controlProducer.close({ partition: message.partition, key: message.key, id: message.session });
    }
  }

  #toSession(connection: Connection, message: RoutedMessage): void {
    const { generation } = message;
    switch (message.type) {
      case "held":
        this.#hub.step(connection, {
          type: "held",
          generation,
          hold: message.hold,
          ...(message.stored === undefined ? {} : { stored: message.stored }),
          ...(message.queued === undefined ? {} : { queued: message.queued }),
        });
        return;
      case "demoted":
        this.#hub.step(connection, {
          type: "demoted",
          generation,
          ...(message.resume === undefined ? {} : { resume: message.resume }),
        });
        return;
      case "invite":
        this.#hub.step(connection, { type: "invited", generation });
    }
  }

  #fenced({
    incarnation,
    partition,
    generation,
  }: {
    incarnation: number;
    partition: number;
    generation: number;
  }): boolean {
    const newest = this.#generations[partition] ?? -1;
    if (generation > newest) this.#generations[partition] = generation;
    if (incarnation === this.#incarnation() && generation >= newest) return false;
    this.#metrics.fenced();
    return true;
  }
}
