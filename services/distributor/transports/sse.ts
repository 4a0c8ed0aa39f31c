import type { ServerFrame } from "@saasaparilla/shared/protocol/client-frames.ts";
import type { InboxFrame } from "@saasaparilla/shared/protocol/inbox.ts";
import { toCursor } from "@saasaparilla/shared/protocol/notification.ts";
import { Outbox, type Item } from "#sessions/outbox.ts";
import type { Wire } from "#sessions/connection.ts";

/**
 * One SSE stream (WHATWG HTML, 9.2). The library sends the CRLF that ends a chunk only with the next chunk. A strict
 * reader would see each event one late, so a comment follows in its own chunk. Readers such as httpx-sse take an empty
 * line there, or after a comment, for an empty event.
 */
const COMMENT = ":\n";

export const SSE_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

/** The used part of the library's response. */
export interface Stream {
  writeStatus(status: string): unknown;
  writeHeader(name: string, value: string): unknown;
  /** False if the peer takes no more right now. */
  write(chunk: string): boolean;
  end(): unknown;
  cork(write: () => void): unknown;
  onAborted(handler: () => void): unknown;
  onWritable(handler: () => boolean): unknown;
}

export interface SseOptions {
  headers: Readonly<Record<string, string>>;
  outboxBytes: number;
  acknowledges: boolean;
  /** The end of each cursor of this client. */
  tag: string;
}

export class SseWire implements Wire {
  readonly transport = "sse";
  readonly acknowledges: boolean;
  readonly outbox: Outbox;
  onDrained: (() => void) | undefined;
  onGone: (() => void) | undefined;
  readonly #response: Stream;
  readonly #tag: string;
  #gone = false;
  /** The last write left room in the library's buffer, or the buffer is empty again. */
  #writable = true;

  constructor(response: Stream, { headers, outboxBytes, acknowledges, tag }: SseOptions) {
    this.#response = response;
    this.#tag = tag;
    this.acknowledges = acknowledges;
    this.outbox = new Outbox((items) => this.#write(items), outboxBytes);
    response.onAborted(() => {
      this.#gone = true;
      this.onGone?.();
    });
    response.onWritable(() => {
      this.#writable = true;
      this.onDrained?.();
      return true;
    });
    response.cork(() => {
      response.writeStatus("200 OK");
      for (const name in SSE_HEADERS) response.writeHeader(name, SSE_HEADERS[name]!);
      for (const name in headers) response.writeHeader(name, headers[name]!);
    });
  }

  tell(frame: ServerFrame): void {
    const id = frame.type === "connected" ? frame.cursor : undefined;
    this.#send(eventOf(frame.type, JSON.stringify(frame), id));
  }

  inbox(frame: InboxFrame): boolean {
    if (this.#gone || !this.#writable || this.outbox.congested) return false;
    this.tell(frame);
    return true;
  }

  heartbeat(): void {
    this.#send(COMMENT);
  }

  end(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#response.cork(() => this.#response.end());
  }

  #write(items: Item[]): boolean {
    const events = items.map(({ sequence, json, retract }) =>
      eventOf(retract ? "retract" : "notification", json.toString("utf8"), toCursor(sequence, this.#tag)),
    );
    return this.#send(events.join(""));
  }

  #send(text: string): boolean {
    if (this.#gone) return false;
    let open = false;
    this.#response.cork(() => {
      this.#response.write(text);
      open = this.#response.write(COMMENT);
    });
    this.#writable = open;
    return open;
  }
}

/**
 * One event. Accepted data has no line break, but a producer that writes packs to Kafka can include one. So each line
 * of the data becomes its own data line, and none is read as a field. Names and ids are ours, and have none.
 */
export function eventOf(type: string, data: string, id?: string): string {
  const lines = LINE_BREAK.test(data) ? data.replaceAll(LINE_BREAKS, "\ndata: ") : data;
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${type}\ndata: ${lines}\n\n`;
}

const LINE_BREAK = /[\r\n]/;
const LINE_BREAKS = /\r\n|\r|\n/g;
