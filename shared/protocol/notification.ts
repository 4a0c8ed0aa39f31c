/** The vocabulary: a notification, its recipient, and its order. PROTOCOL.md uses the same words. */

/**
 * A recipient inside its tenant, as `tenant/client`. A tenant's id has no slash, so two pairs never make one key. A
 * queue is a recipient without connections: its key is `tenant/{queue}`. No client's id has braces.
 */
export type ClientKey = string;

/**
 * Orders the notifications of one client by topic epoch, offset in the accepted topic, and index in the pack. It has 19
 * lower-case hexadecimal digits of fixed width, so that comparing the strings compares the sequences. It needs no clock
 * and no counter.
 */
export type Sequence = string;

/** A sequence bound to its client (R3): the only form in which a sequence leaves the platform. */
export type Cursor = string;

export const SEQUENCE_FORM = /^[0-9a-f]{19}$/;

/** Before every notification. */
export const START: Sequence = "0".repeat(19);

/** The most notifications in one pack: the index has three hexadecimal digits. */
export const MAX_PACK_ITEMS = 4096;

export const TENANT_FORM = /^[A-Za-z0-9_-]{1,64}$/;
/** Printable ASCII without space, quote, backslash and braces: safe in keys, logs and headers. */
export const CLIENT_FORM = /^[!#-[\]-z|~]{1,128}$/;
/** The name of a queue, a group or an exchange. */
export const NAME_FORM = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$/;
/** A client key or a queue key: a tenant's id, a slash, and a client's id or a queue's name in braces. */
export const KEY_FORM = /^[A-Za-z0-9_-]{1,64}\/(?:[!#-[\]-z|~]{1,128}|\{[A-Za-z0-9][A-Za-z0-9._:-]{0,99}\})$/;
export const EVENT_FORM = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
/** W3C Trace Context, version 00. */
export const TRACEPARENT_FORM = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export function tenantOf(key: ClientKey): string {
  return key.slice(0, key.indexOf("/"));
}

export function clientKey(tenant: string, client: string): ClientKey {
  return `${tenant}/${client}`;
}

export function queueKey(tenant: string, queue: string): ClientKey {
  return `${tenant}/{${queue}}`;
}

export function isQueueKey(key: ClientKey): boolean {
  return key.charCodeAt(key.length - 1) === CLOSE_BRACE;
}

/** The name of the queue with this key. */
export function queueOf(key: ClientKey): string {
  return key.slice(key.indexOf("/") + 2, -1);
}

const CLOSE_BRACE = 0x7d;

const indexDigits = Array.from({ length: MAX_PACK_ITEMS }, (_, index) => index.toString(16).padStart(3, "0"));

/** The first sixteen digits of every sequence of one pack. */
export function packSequence(epoch: number, offset: string | number): string {
  return epoch.toString(16).padStart(4, "0") + Number(offset).toString(16).padStart(12, "0");
}

export function sequenceAt(pack: string, index: number): Sequence {
  return pack + indexDigits[index];
}

export function epochOf(sequence: Sequence): number {
  return Number.parseInt(sequence.slice(0, 4), 16);
}

export function offsetOf(sequence: Sequence): number {
  return Number.parseInt(sequence.slice(4, 16), 16);
}

/** Kafka's default partitioner (murmur2 over the key's UTF-8 bytes), so that a publisher may write to Kafka itself. */
export function partitionOf(key: ClientKey, partitions: number): number {
  return partitionHash(key) % partitions;
}

/** What `partitionOf` divides, for keys whose number of partitions may change. From 0 to 2^31 - 1. */
export function partitionHash(key: string): number {
  return murmur2(key) & 0x7fffffff;
}

/** Six digits that tie a cursor to its client: an app's cursor from another user must not skip anything. */
export function cursorTag(key: ClientKey): string {
  return (murmur2(key) & 0xffffff).toString(16).padStart(6, "0");
}

export function toCursor(sequence: Sequence, tag: string): Cursor {
  return sequence + tag;
}

export const CURSOR_LENGTH = 25;
export const CURSOR_FORM = /^[0-9a-f]{25}$/;

/** The sequence in a cursor, or undefined if it is not a cursor of this client. */
export function fromCursor(cursor: string, tag: string): Sequence | undefined {
  return CURSOR_FORM.test(cursor) && cursor.endsWith(tag) ? cursor.slice(0, 19) : undefined;
}

/** murmur2 as Kafka's clients compute it (org.apache.kafka.common.utils.Utils). Keys here are ASCII. */
function murmur2(key: string): number {
  const m = 0x5bd1e995;
  const length = key.length;
  let h = 0x9747b28c ^ length;
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) {
    let k =
      (key.charCodeAt(i) & 0xff) |
      ((key.charCodeAt(i + 1) & 0xff) << 8) |
      ((key.charCodeAt(i + 2) & 0xff) << 16) |
      ((key.charCodeAt(i + 3) & 0xff) << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    k = Math.imul(k, m);
    h = Math.imul(h, m) ^ k;
  }
  const rest = length - whole;
  if (rest >= 3) h ^= (key.charCodeAt(whole + 2) & 0xff) << 16;
  if (rest >= 2) h ^= (key.charCodeAt(whole + 1) & 0xff) << 8;
  if (rest >= 1) h = Math.imul(h ^ (key.charCodeAt(whole) & 0xff), m);
  h ^= h >>> 13;
  h = Math.imul(h, m);
  return h ^ (h >>> 15);
}
