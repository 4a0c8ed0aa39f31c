import { MAX_PACK_ITEMS, type ClientKey, type Sequence } from "./notification.ts";
import { readUuid } from "./uuid.ts";
import {
  PACK_HEADER,
  NOTIFICATION_HEADER,
  Kind,
  type Deliver,
  DELIVER_HEADER,
  type Deferred,
  DEFERRED_HEADER,
  ACK_HEADER,
  HAS_OPTIONS,
  FOLLOWED,
  MAGIC,
  ITEM_HEADER,
  OPTIONS_HEADER,
} from "./pack.ts";
import { PUBLICATION_HEADER, type Publication } from "./publication.ts";

/** Builds one pack at a time in one growing buffer, without an allocation per item. */
export class PackWriter {
  #buffer: Buffer;
  #length = PACK_HEADER;
  #count = 0;

  constructor(initialBytes = 4096) {
    this.#buffer = Buffer.allocUnsafe(initialBytes);
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes of the pack so far. */
  get bytes(): number {
    return this.#length;
  }

  get full(): boolean {
    return this.#count >= MAX_PACK_ITEMS;
  }

  notification(item: NewNotification): void {
    const { key, event = "", traceparent = "", options, payload } = item;
    const optionBytes = options === undefined ? 0 : OPTIONS_HEADER + options.length;
    const body = NOTIFICATION_HEADER + event.length + traceparent.length + key.length + optionBytes + payload.length;
    let at = this.#item(Kind.NOTIFICATION, body);
    const buffer = this.#buffer;
    at = readUuid(item.id, buffer, at);
    at = buffer.writeUInt32BE(item.ttl ?? 0, at);
    at = buffer.writeUInt8(event.length, at);
    const bits = (options === undefined ? 0 : HAS_OPTIONS) | (item.followed ? FOLLOWED : 0);
    at = buffer.writeUInt8(traceparent.length | bits, at);
    at = buffer.writeUInt16BE(key.length, at);
    at += buffer.write(event, at, "latin1");
    at += buffer.write(item.followed ? sampled(traceparent) : traceparent, at, "latin1");
    at += buffer.write(key, at, "latin1");
    if (options !== undefined) {
      at = buffer.writeUInt16BE(options.length, at);
      at += options.copy(buffer, at);
    }
    payload.copy(buffer, at);
  }

  publication(publication: Publication): void {
    const head = Buffer.from(JSON.stringify(publication.head));
    const at = this.#item(Kind.PUBLICATION, PUBLICATION_HEADER + head.length + publication.payload.length);
    const start = this.#buffer.writeUInt32BE(head.length, at);
    head.copy(this.#buffer, start);
    publication.payload.copy(this.#buffer, start + head.length);
  }

  deliver(message: Omit<Deliver, "kind">): void {
    let at = this.#item(Kind.DELIVER, DELIVER_HEADER + message.body.length);
    const buffer = this.#buffer;
    at = buffer.writeUIntBE(message.incarnation, at, 6);
    at = buffer.writeUInt32BE(message.session, at);
    at = buffer.writeUInt16BE(message.partition, at);
    at = buffer.writeUIntBE(message.generation, at, 6);
    at = buffer.writeUIntBE(message.appended, at, 6);
    at += buffer.write(message.prev, at, "latin1");
    at += buffer.write(message.sequence, at, "latin1");
    message.body.copy(buffer, at);
  }

  deferred({ appended, sequence, body }: Deferred): void {
    let at = this.#item(Kind.DEFERRED, DEFERRED_HEADER + body.length);
    const buffer = this.#buffer;
    at = buffer.writeUIntBE(appended, at, 6);
    at += buffer.write(sequence, at, "latin1");
    body.copy(buffer, at);
  }

  ack(session: number, sequence: Sequence, key: ClientKey): void {
    let at = this.#item(Kind.ACK, ACK_HEADER + key.length);
    at = this.#buffer.writeUInt32BE(session, at);
    at += this.#buffer.write(sequence, at, "latin1");
    this.#buffer.write(key, at, "latin1");
  }

  signal(signal: object): void {
    const json = Buffer.from(JSON.stringify(signal));
    // Make room before reading the buffer, because making room may replace it.
    const at = this.#item(Kind.SIGNAL, json.length);
    json.copy(this.#buffer, at);
  }

  /** An item of any kind, unchanged. */
  item(kind: number, body: Buffer): void {
    const at = this.#item(kind, body.length);
    body.copy(this.#buffer, at);
  }

  /** Copies out the finished pack. The writer is then empty. */
  take(): Buffer {
    this.#buffer.writeUInt8(MAGIC, 0);
    this.#buffer.writeUInt16BE(this.#count, 1);
    const pack = Buffer.from(this.#buffer.subarray(0, this.#length));
    this.#length = PACK_HEADER;
    this.#count = 0;
    return pack;
  }

  #item(kind: number, body: number): number {
    const end = this.#length + ITEM_HEADER + body;
    if (end > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    const at = this.#buffer.writeUInt32BE(1 + body, this.#length);
    this.#buffer.writeUInt8(kind, at);
    this.#length = end;
    this.#count += 1;
    return at + 1;
  }
}

export interface NewNotification {
  key: ClientKey;
  /** A UUID, or its 32 hexadecimal digits. */
  id: string;
  /** Seconds from the broker's append time. */
  ttl?: number;
  event?: string;
  traceparent?: string;
  /** Set it only if the platform's format is at least FOLLOWED_FORMAT. It also sets the trace's flag `sampled`. */
  followed?: boolean;
  /** As written by `writeOptions`; undefined for none. */
  options?: Buffer | undefined;
  /** JSON text as UTF-8. */
  payload: Buffer;
}

/** A pack of one item. */
export function packOf(kind: number, body: Buffer): Buffer {
  const writer = new PackWriter(PACK_HEADER + ITEM_HEADER + body.length);
  writer.item(kind, body);
  return writer.take();
}

/** So the spans of an OpenTelemetry SDK cover the same notifications. */
function sampled(traceparent: string): string {
  if (traceparent === "") return "";
  const flags = Number.parseInt(traceparent.slice(-2), 16) | 1;
  return traceparent.slice(0, -2) + flags.toString(16).padStart(2, "0");
}
