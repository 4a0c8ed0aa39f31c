import type { InboxOf } from "@saasaparilla/shared/auth/policies/tenant-inbox.ts";
import type { Incoming } from "@saasaparilla/shared/kafka/client.ts";
import {
  isQueueKey,
  packSequence,
  sequenceAt,
  tenantOf,
  type ClientKey,
  type Sequence,
} from "@saasaparilla/shared/protocol/notification.ts";
import type { NotificationOptions } from "@saasaparilla/shared/protocol/options.ts";
import { checkNotification, Kind, notificationBody, readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { classify, Failure, messageOf } from "@saasaparilla/shared/runtime/errors.ts";

/** A notification for an inbox. */
export interface InboxItem {
  tenant: string;
  client: ClientKey;
  sequence: Sequence;
  /** When the broker appended it; ms since 1970. */
  appended: number;
  id: string;
  /** "" for none. */
  event: string;
  /** "" for none. */
  traceparent: string;
  followed: boolean;
  /** Seconds; 0 for none. */
  ttl: number;
  options: NotificationOptions;
  /** The bytes of `data` as they were published: a view into the record. */
  data: Buffer;
}

export interface ItemsRead {
  items: InboxItem[];
  /** Notifications that no inbox takes. */
  unlisted: number;
  /** Why an item, or the whole record, cannot be read. Directors make the dead letters. */
  bad: string[];
}

/** The items of a record of accepted that inboxes take. Most platforms have few inboxes, so what none takes costs little. */
export function readItems({ offset, appended, value }: Incoming, epoch: number, inboxOf: InboxOf): ItemsRead {
  const read: ItemsRead = { items: [], unlisted: 0, bad: [] };
  const pack = packSequence(epoch, offset);
  const take = (kind: number, body: Buffer, index: number): void => {
    if (kind !== Kind.NOTIFICATION) throw new Failure("reject", `Item ${index} is no notification.`);
    checkNotification(body, index);
    const client = notificationBody.key(body);
    const tenant = tenantOf(client);
    const event = notificationBody.event(body);
    if (isQueueKey(client) || inboxOf(tenant)?.takes(event) !== true) {
      read.unlisted += 1;
      return;
    }
    read.items.push({
      tenant,
      client,
      sequence: sequenceAt(pack, index),
      appended,
      id: notificationBody.id(body),
      event,
      traceparent: notificationBody.traceparent(body),
      followed: notificationBody.followed(body),
      ttl: notificationBody.ttl(body),
      options: notificationBody.options(body) ?? {},
      data: notificationBody.payload(body),
    });
  };
  try {
    readPack(value ?? NOTHING, take, ({ error }) => read.bad.push(messageOf(error)));
  } catch (error) {
    if (classify(error) !== "reject") throw error;
    // As at a director: of a malformed record no item counts.
    return { items: [], unlisted: 0, bad: [messageOf(error)] };
  }
  return read;
}

const NOTHING = Buffer.alloc(0);
