import { clientKey, partitionOf, queueKey, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { NewNotification, PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { publicationKey, recipientId } from "@saasaparilla/shared/protocol/publication.ts";
import type { Topics } from "@saasaparilla/shared/kafka/topic-names.ts";
import { headOf, isDispatched } from "./forms.ts";
import type { Published } from "./notification-schema.ts";
import type { Item } from "./item.ts";

export interface Origin {
  tenant: string;
  publisher: string;
  traceparent: string;
}

/** A place in Kafka, and how to write there. It is valid until the next call. */
export interface Written {
  topic: string;
  partition: number;
  write: (writer: PackWriter) => void;
}

export type ReceiverTopics = Pick<Topics, "accepted" | "dispatch">;

const NOTHING = Buffer.alloc(0);

/** Decides where an item goes: a notification to accepted, and anything that the dispatcher has to see to dispatch. */
export class ItemWriter {
  /** By topic; 0 while it is not known. */
  readonly partitions: Record<keyof ReceiverTopics, number> = { accepted: 0, dispatch: 0 };
  readonly #topics: ReceiverTopics;
  #last = { key: "", partitions: 0, partition: 0 };
  /** One shared object, because it is copied into the pack at once. */
  readonly #notification: Required<NewNotification> = {
    key: "",
    id: "",
    ttl: 0,
    event: "",
    traceparent: "",
    followed: false,
    options: undefined,
    payload: NOTHING,
  };
  readonly #direct: Written;

  constructor(topics: ReceiverTopics) {
    this.#topics = topics;
    const write = (writer: PackWriter): void => writer.notification(this.#notification);
    this.#direct = { topic: topics.accepted, partition: 0, write };
  }

  /** Undefined while the topic of a publication is not there. */
  placeOf(item: Item, origin: Origin): Written | undefined {
    const published = item.published!;
    return isDispatched(published)
      ? this.#toDispatch(item, published, origin)
      : this.#toAccepted(item, published, origin);
  }

  #toAccepted(item: Item, { to, ttl = 0, event = "" }: Published, { tenant, traceparent }: Origin): Written {
    const notification = this.#notification;
    const key = keyOf(tenant, to);
    notification.key = key;
    notification.id = item.partOf === undefined ? item.id : recipientId(item.partOf, key);
    notification.ttl = ttl;
    notification.event = event;
    notification.traceparent = traceparent;
    notification.followed = item.followed !== undefined;
    notification.options = item.options;
    notification.payload = item.payload;
    this.#direct.partition = this.#partitionOf(key);
    return this.#direct;
  }

  #toDispatch(item: Item, published: Published, { tenant, publisher, traceparent }: Origin): Written | undefined {
    const { dispatch } = this.partitions;
    if (dispatch === 0) return undefined;
    const head = headOf(published, { id: item.id, tenant, publisher, traceparent, followed: item.followed });
    return {
      topic: this.#topics.dispatch,
      partition: partitionOf(publicationKey(tenant, published.to), dispatch),
      write: (writer) => writer.publication({ head, payload: item.payload }),
    };
  }

  /** Computed once for a client that gets many in a row. */
  #partitionOf(key: ClientKey): number {
    const { accepted } = this.partitions;
    if (key !== this.#last.key || accepted !== this.#last.partitions)
      this.#last = { key, partitions: accepted, partition: partitionOf(key, accepted) };
    return this.#last.partition;
  }
}

function keyOf(tenant: string, to: Published["to"]): ClientKey {
  return "client" in to ? clientKey(tenant, to.client) : queueKey(tenant, (to as { queue: string }).queue);
}
