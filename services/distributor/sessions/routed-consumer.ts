import { classify, messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Batch } from "@saasaparilla/shared/kafka/client.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import {
  Kind,
  notificationBody,
  readDeliver,
  readPack,
  readSignal,
  type Deliver,
} from "@saasaparilla/shared/protocol/pack.ts";
import { asRouted, type RoutedSignal } from "@saasaparilla/shared/protocol/control-messages.ts";
import type { DistributorMetrics } from "#metrics.ts";
import type { Peer } from "./connection.ts";
import type { Peers } from "./hub.ts";
import type { Registry } from "#maintenance/presence-writer.ts";
import type { Upstream } from "./control-producer.ts";

/** THE PATH: routed > session > outbox. Refuses another incarnation, and an older generation than it has heard of. */
export class Deliverer {
  readonly #peers: Peers;
  readonly #upstream: Upstream;
  readonly #metrics: DistributorMetrics;
  readonly #log: Log;
  readonly #incarnation: () => number;
  readonly #registry: Pick<Registry, "remove">;
  /** By partition, the newest generation that spoke. */
  readonly #generations: number[] = [];

  constructor(options: {
    peers: Peers;
    upstream: Upstream;
    metrics: DistributorMetrics;
    log: Log;
    incarnation: () => number;
    registry: Pick<Registry, "remove">;
  }) {
    this.#peers = options.peers;
    this.#upstream = options.upstream;
    this.#metrics = options.metrics;
    this.#log = options.log;
    this.#incarnation = options.incarnation;
    this.#registry = options.registry;
  }

  batch({ topic, partition, records }: Batch): void {
    for (const { value, offset } of records) {
      if (!value) continue;
      try {
        readPack(value, (kind, body) => {
          if (kind === Kind.DELIVER) this.#deliver(readDeliver(body));
          else if (kind === Kind.SIGNAL) this.#signal(asRouted(readSignal(body)));
        });
      } catch (error) {
        if (classify(error) !== "reject") throw error;
        // Routed is transport: the director answers for what it held, and sends or stores it again.
        this.#log.error(
          { topic, partition, offset, err: error },
          `a routed record was not understood: ${messageOf(error)}`,
        );
      }
    }
  }

  #deliver(message: Deliver): void {
    if (this.#fenced(message)) return;
    const { session, partition, generation, prev, sequence, appended, body } = message;
    const peer = this.#peers.find(session);
    if (!peer) {
      this.#metrics.refused("unknown");
      this.#upstream.refuseUnknown(partition, generation, notificationBody.key(body), session);
      return;
    }
    if (peer.session.key !== notificationBody.key(body)) {
      this.#log.error(
        { client: peer.session.key, session },
        "a notification of another client came for this connection: dropped",
      );
      return;
    }
    this.#peers.step(peer, { type: "deliver", generation, prev, row: { sequence, appended, body } });
  }

  #signal(signal: RoutedSignal): void {
    if (this.#fenced(signal)) return;
    const peer = this.#peers.find(signal.session);
    if (peer) this.#toSession(peer, signal);
    else if (signal.type === "invite") {
      // Redis still names a connection that is gone: it forgets it, and the director hears of it.
      this.#registry.remove(signal.key, signal.session);
      this.#upstream.close({ partition: signal.partition, key: signal.key, id: signal.session });
    }
  }

  #toSession(peer: Peer, signal: RoutedSignal): void {
    const { generation } = signal;
    switch (signal.type) {
      case "held":
        this.#peers.step(peer, {
          type: "held",
          generation,
          hold: signal.hold,
          ...(signal.stored === undefined ? {} : { stored: signal.stored }),
          ...(signal.queued === undefined ? {} : { queued: signal.queued }),
        });
        return;
      case "demoted":
        this.#peers.step(peer, {
          type: "demoted",
          generation,
          ...(signal.resume === undefined ? {} : { resume: signal.resume }),
        });
        return;
      case "invite":
        this.#peers.step(peer, { type: "invited", generation });
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
