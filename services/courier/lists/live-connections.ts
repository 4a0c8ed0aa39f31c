import type { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import type { InboxFrame } from "@saasaparilla/shared/protocol/inbox.ts";
import type { InboxMessage } from "@saasaparilla/shared/protocol/control-messages.ts";
import type { ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { Presence } from "@saasaparilla/shared/redis/presence.ts";
import type { CourierMetrics } from "#metrics.ts";

/** Distributors of an earlier version do not know the message. */
const FORMAT_OF_FRAMES = 3;
/** While Kafka is away, further frames are dropped: clients read their list again after `live`. */
const MOST_QUEUED_BYTES = 4 << 20;

export interface LiveConnectionsParts {
  presence: Pick<Presence, "lookUp">;
  producer: Pick<BatchingProducer, "add" | "queuedBytes">;
  /** The name of routed. */
  topic: string;
  format: () => number;
  metrics: Pick<CourierMetrics, "frames" | "framesDropped" | "failed">;
}

/** Tells the live connections of a client about its inbox. No request waits for it, and a frame may be lost. */
export class LiveConnections {
  readonly #parts: LiveConnectionsParts;

  constructor(parts: LiveConnectionsParts) {
    this.#parts = parts;
  }

  tell(client: ClientKey, frame: InboxFrame): void {
    const { presence, metrics, format } = this.#parts;
    if (format() < FORMAT_OF_FRAMES) return;
    presence.lookUp([client]).then(
      ([connections = []]) => {
        for (const connection of connections) this.#send({ type: "inbox", key: client, ...connection, frame });
      },
      () => metrics.failed("redis"),
    );
  }

  #send(message: InboxMessage): void {
    const { producer, topic, metrics } = this.#parts;
    if (producer.queuedBytes > MOST_QUEUED_BYTES) {
      metrics.framesDropped();
      return;
    }
    producer.add(topic, message.slot, (writer) => writer.signal(message));
    metrics.frames(1);
  }
}
