import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { Incoming } from "@saasaparilla/shared/kafka/client.ts";
import type { ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import {
  checkNotification,
  Kind,
  notificationBody,
  readAck,
  readDeferred,
  readPack,
  readMessage,
} from "@saasaparilla/shared/protocol/pack.ts";
import { readPublication } from "@saasaparilla/shared/protocol/publication.ts";
import { DEAD_LETTERS_PARTITION, NOTHING } from "@saasaparilla/shared/kafka/dead-letters.ts";

/** What an operator sees of a dead letter: its readable parts, or its bytes if no part is readable. */
export interface Summary {
  /** "partition-offset" in the dead letters. */
  id: string;
  /** The record's original position. */
  topic: string;
  partition: number;
  offset: number;
  /** The item's original place in the record. Absent for a whole record. */
  index?: number;
  reason: string;
  when: string;
  size: number;
  notifications: { client: ClientKey; id: string }[];
}

const MOST_NAMED = 20;

export function summaryOf({ offset, appended, value, headers }: Incoming): Summary {
  const { topic = "", reason = "", index } = headers;
  return {
    id: `${DEAD_LETTERS_PARTITION}-${offset}`,
    topic,
    partition: Number(headers.partition),
    offset: Number(headers.offset),
    ...(index === undefined ? {} : { index: Number(index) }),
    reason,
    when: new Date(appended).toISOString(),
    size: value?.length ?? 0,
    notifications: notificationsIn(value ?? NOTHING),
  };
}

export function contentOf(value: Buffer): { items: object[] } | { base64: string } {
  const items: object[] = [];
  try {
    readPack(value, (kind, body, index) => items.push(itemOf(kind, body, index)));
    return { items };
  } catch {
    return { base64: value.toString("base64") };
  }
}

/** The notifications before the first unreadable item. */
function notificationsIn(value: Buffer): Summary["notifications"] {
  const found: Summary["notifications"] = [];
  try {
    readPack(value, (kind, raw, index) => {
      if (found.length >= MOST_NAMED) return;
      const body = kind === Kind.DEFERRED ? readDeferred(raw).body : raw;
      if (kind !== Kind.NOTIFICATION && kind !== Kind.DEFERRED) return;
      checkNotification(body, index);
      found.push({ client: notificationBody.key(body), id: notificationBody.id(body) });
    });
  } catch {
    // An unreadable record is an expected dead letter.
  }
  return found;
}

function itemOf(kind: number, body: Buffer, index: number): object {
  switch (kind) {
    case Kind.NOTIFICATION:
      return { kind: "notification", ...notificationOf(body, index) };
    case Kind.DEFERRED: {
      const { appended, sequence, body: inner } = readDeferred(body);
      const accepted = new Date(appended).toISOString();
      return { kind: "deferred", sequence, accepted, ...notificationOf(inner, index) };
    }
    case Kind.ACK: {
      const { session, sequence, key } = readAck(body);
      return { kind: "acknowledgement", client: key, session, sequence };
    }
    case Kind.PUBLICATION: {
      const { head, payload } = readPublication(body);
      return { kind: "publication", ...head, ...dataOf(payload) };
    }
    case Kind.SIGNAL:
      return { kind: "signal", signal: readMessage(body) };
    default:
      throw new Failure("reject", `An item of kind ${kind} is unknown.`);
  }
}

function notificationOf(body: Buffer, index: number): object {
  checkNotification(body, index);
  const payload = notificationBody.payload(body);
  return {
    id: notificationBody.id(body),
    client: notificationBody.key(body),
    ttl: notificationBody.ttl(body),
    event: notificationBody.event(body),
    traceparent: notificationBody.traceparent(body),
    ...notificationBody.options(body),
    ...dataOf(payload),
  };
}

function dataOf(payload: Buffer): object {
  try {
    return { data: JSON.parse(payload.toString("utf8")) as unknown };
  } catch {
    return { base64: payload.toString("base64") };
  }
}
