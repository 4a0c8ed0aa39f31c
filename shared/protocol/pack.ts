import { classify, Failure } from "#runtime/errors.ts";
import {
  EVENT_FORM,
  KEY_FORM,
  MAX_PACK_ITEMS,
  START,
  TRACEPARENT_FORM,
  type ClientKey,
  type Sequence,
} from "./notification.ts";
import { optionsProblem, readOptions, type EndOptions, type NotificationOptions } from "./options.ts";
import { UUID_LENGTH, writeUuid } from "./uuid.ts";

/**
 * A record of accepted, routed and control is a pack: one or more items in one Kafka record. Integers are big-endian.
 *
 *   pack  = magic u8 (1), count u16, item*
 *   item  = length u32 (of the rest), kind u8, body
 *
 * The body of kind NOTIFICATION, which is forwarded unchanged from accepted to routed:
 *
 *   id 16 bytes, ttl u32 (seconds, 0 for none), event length u8, traceparent length u8, key length u16,
 *   event, traceparent, key (all ASCII), options if any, payload (the rest: UTF-8 JSON)
 *
 * The high bit of the traceparent's length says that options follow the key: their length u16, and each as in
 * options.ts. Its next bit says that the notification is followed: services record what becomes of it. The high bit of
 * the event's length is reserved.
 */
export const MAGIC = 1;
export const PACK_HEADER = 3;
export const ITEM_HEADER = 5;
export const NOTIFICATION_HEADER = 24;
/** The first bytes of a body, with its id and whether it is followed. */
export const HEAD_BYTES = 22;
/** In the length of the traceparent: options follow the key. */
export const HAS_OPTIONS = 0x80;
/** In the length of the traceparent: what becomes of the notification is recorded. */
export const FOLLOWED = 0x40;
export const OPTIONS_HEADER = 2;
const EVENT_BITS = 0x7f;
const TRACEPARENT_BITS = 0x3f;

export const Kind = {
  /** accepted: a notification's body. */
  NOTIFICATION: 1,
  /**
   * routed: incarnation u48, session u32, partition u16, generation u48, appended u48 (ms), prev 19, sequence 19, a
   * notification's body.
   */
  DELIVER: 2,
  /** control: session u32, sequence 19, key (the rest). */
  ACK: 3,
  /** deferred: appended u48 (ms), sequence 19, a notification's body. */
  DEFERRED: 5,
  /** routed and control: rare messages, as UTF-8 JSON. */
  SIGNAL: 4,
  /** dispatch: a publication, as in publication.ts. */
  PUBLICATION: 6,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export interface Deliver {
  kind: typeof Kind.DELIVER;
  /** The connection: the incarnation of the slot, and the session. */
  incarnation: number;
  session: number;
  /** The partition of accepted, and the director's generation for it. */
  partition: number;
  generation: number;
  /** When the broker appended it; ms since 1970. */
  appended: number;
  /** The sequence that this session received before it. */
  prev: Sequence;
  sequence: Sequence;
  body: Buffer;
}
export const DELIVER_HEADER = 6 + 4 + 2 + 6 + 6 + START.length * 2;

/** A notification that could not be stored. */
export interface Deferred {
  /** When the broker appended it to accepted; ms since 1970. */
  appended: number;
  sequence: Sequence;
  body: Buffer;
}
export const DEFERRED_HEADER = 6 + START.length;

export interface Ack {
  kind: typeof Kind.ACK;
  session: number;
  sequence: Sequence;
  key: ClientKey;
}
export const ACK_HEADER = 4 + START.length;

/** An item that can never be processed. The body is a view into the record. */
export interface BadItem {
  index: number;
  kind: number;
  body: Buffer;
  error: unknown;
}

/**
 * Calls back for each item of a pack; bodies are views into the record. A malformed pack is a `reject`. With `bad`, an
 * item that `item` rejects does not end the reading.
 */
export function readPack(
  record: Buffer,
  item: (kind: number, body: Buffer, index: number) => void,
  bad?: (item: BadItem) => void,
): void {
  if (record.length < PACK_HEADER || record[0] !== MAGIC) throw malformed("it does not start as a pack does");
  const count = record.readUInt16BE(1);
  if (count === 0 || count > MAX_PACK_ITEMS)
    throw malformed(`it says that it has ${count} items, not 1 to ${MAX_PACK_ITEMS}`);
  let at = PACK_HEADER;
  for (let index = 0; index < count; index += 1) {
    if (at + ITEM_HEADER > record.length) throw malformed(`item ${index} is cut off`);
    const end = at + 4 + record.readUInt32BE(at);
    if (end > record.length || end < at + ITEM_HEADER) throw malformed(`item ${index} is cut off`);
    const kind = record[at + 4]!;
    const body = record.subarray(at + ITEM_HEADER, end);
    at = end;
    try {
      item(kind, body, index);
    } catch (error) {
      if (!bad || classify(error) !== "reject") throw error;
      bad({ index, kind, body, error });
    }
  }
  if (at !== record.length) throw malformed(`${record.length - at} bytes follow the last item`);
}

export function readDeliver(body: Buffer): Deliver {
  if (body.length < DELIVER_HEADER) throw malformedItem("a notification to deliver is cut off");
  return {
    kind: Kind.DELIVER,
    incarnation: body.readUIntBE(0, 6),
    session: body.readUInt32BE(6),
    partition: body.readUInt16BE(10),
    generation: body.readUIntBE(12, 6),
    appended: body.readUIntBE(18, 6),
    prev: body.toString("latin1", 24, 43),
    sequence: body.toString("latin1", 43, 62),
    body: body.subarray(DELIVER_HEADER),
  };
}

export function readDeferred(body: Buffer): Deferred {
  if (body.length < DEFERRED_HEADER) throw malformedItem("a deferred notification is cut off");
  return {
    appended: body.readUIntBE(0, 6),
    sequence: body.toString("latin1", 6, DEFERRED_HEADER),
    body: body.subarray(DEFERRED_HEADER),
  };
}

export function readAck(body: Buffer): Ack {
  if (body.length < ACK_HEADER) throw malformedItem("an acknowledgement is cut off");
  return {
    kind: Kind.ACK,
    session: body.readUInt32BE(0),
    sequence: body.toString("latin1", 4, 23),
    key: body.toString("latin1", 23, body.length),
  };
}

export function readMessage(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw malformedItem("a signal is not JSON", error);
  }
}

/** Checks a notification's body once, when it enters the director. The readers below trust it afterwards. */
export function checkNotification(body: Buffer, index: number): void {
  if (body.length < NOTIFICATION_HEADER) throw malformedItem(`item ${index} is shorter than a notification's header`);
  if (hasOptions(body)) checkOptions(body, index);
  if (payloadStart(body) >= body.length) throw malformedItem(`item ${index} has no payload`);
  if (eventLength(body) > 0 && !EVENT_FORM.test(notificationBody.event(body)))
    throw malformedItem(`item ${index} has an event of no known form`);
  if (traceparentLength(body) > 0 && !TRACEPARENT_FORM.test(notificationBody.traceparent(body))) {
    throw malformedItem(`item ${index} has a traceparent that is none`);
  }
  if (!KEY_FORM.test(notificationBody.key(body)))
    throw malformedItem(`item ${index} is for no client: its key is not tenant/client`);
}

/** The readers of a notification's body: each reads only its own field. */
export const notificationBody = {
  /** The id's 16 bytes as a latin1 string: cheap to hash and compare. */
  rawId: (body: Buffer): string => body.toString("latin1", 0, 16),
  id(body: Buffer): string {
    const text = Buffer.allocUnsafe(UUID_LENGTH);
    writeUuid(body, 0, text, 0);
    return text.toString("latin1");
  },
  /** Seconds; 0 for none. */
  ttl: (body: Buffer): number => body.readUInt32BE(16),
  event(body: Buffer): string {
    const length = eventLength(body);
    return length === 0 ? "" : body.toString("latin1", NOTIFICATION_HEADER, NOTIFICATION_HEADER + length);
  },
  traceparent(body: Buffer): string {
    const length = traceparentLength(body);
    if (length === 0) return "";
    const start = NOTIFICATION_HEADER + eventLength(body);
    return body.toString("latin1", start, start + length);
  },
  /** The flag `sampled` of its traceparent, without an allocation. */
  sampled(body: Buffer): boolean {
    const length = traceparentLength(body);
    return length > 0 && (body[NOTIFICATION_HEADER + eventLength(body) + length - 1]! & 1) === 1;
  },
  /** Of a sampled trace; undefined for most notifications, without an allocation. */
  traceId(body: Buffer): string | undefined {
    return this.sampled(body) ? this.traceparent(body).slice(3, 35) : undefined;
  },
  key(body: Buffer): ClientKey {
    const start = NOTIFICATION_HEADER + eventLength(body) + traceparentLength(body);
    return body.toString("latin1", start, start + keyLength(body));
  },
  hasOptions,
  followed: (body: Buffer): boolean => (body[21]! & FOLLOWED) !== 0,
  /** Undefined without options. */
  options(body: Buffer): NotificationOptions | undefined {
    return hasOptions(body) ? readOptions(optionsOf(body)) : undefined;
  },
  /** Undefined without one of them. Headers can be long, so they are left out. */
  endOptions(body: Buffer): EndOptions | undefined {
    if (!hasOptions(body)) return undefined;
    const { headers: _, ...options } = readOptions(optionsOf(body));
    return options.collapse === undefined && options.outcomes === undefined ? undefined : options;
  },
  /** As written by `writeOptions`. Undefined without options. */
  rawOptions: (body: Buffer): Buffer | undefined => (hasOptions(body) ? optionsOf(body) : undefined),
  payload: (body: Buffer): Buffer => body.subarray(payloadStart(body)),
  /** The offset of the payload. */
  payloadAt: payloadStart,
};

function hasOptions(body: Buffer): boolean {
  return body[21]! >= HAS_OPTIONS;
}

function checkOptions(body: Buffer, index: number): void {
  const start = keyEnd(body);
  if (start + OPTIONS_HEADER > body.length || payloadStart(body) > body.length)
    throw malformedItem(`the options of item ${index} are cut off`);
  const why = optionsProblem(optionsOf(body));
  if (why !== undefined) throw malformedItem(`item ${index} has ${why}`);
}

function optionsOf(body: Buffer): Buffer {
  const start = keyEnd(body);
  return body.subarray(start + OPTIONS_HEADER, start + OPTIONS_HEADER + body.readUInt16BE(start));
}

function eventLength(body: Buffer): number {
  return body[20]! & EVENT_BITS;
}

function traceparentLength(body: Buffer): number {
  return body[21]! & TRACEPARENT_BITS;
}

function keyLength(body: Buffer): number {
  return body.readUInt16BE(22);
}

function keyEnd(body: Buffer): number {
  return NOTIFICATION_HEADER + eventLength(body) + traceparentLength(body) + keyLength(body);
}

function payloadStart(body: Buffer): number {
  const end = keyEnd(body);
  return hasOptions(body) ? end + OPTIONS_HEADER + body.readUInt16BE(end) : end;
}

function malformedItem(why: string, cause?: unknown): Failure {
  return new Failure("reject", `The record has a malformed item: ${why}.`, { cause });
}

function malformed(why: string): Failure {
  return new Failure("reject", `The record is not a pack: ${why}.`);
}
