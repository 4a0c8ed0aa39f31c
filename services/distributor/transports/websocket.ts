import { randomInt } from "node:crypto";
import { CloseCodes, type Close } from "@saasaparilla/shared/protocol/close-codes.ts";
import { clientFrame, type ClientFrame, type ServerFrame } from "@saasaparilla/shared/protocol/client-frames.ts";
import type { InboxFrame } from "@saasaparilla/shared/protocol/inbox.ts";
import { CURSOR_LENGTH, fromCursor, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { taken, type Rate } from "@saasaparilla/shared/rate-limits/gcra.ts";
import type { Handshake } from "#admission/handshake.ts";
import { Outbox, type Item } from "#sessions/outbox.ts";
import type { Connection, Wire } from "#sessions/connection.ts";
import type { Hub } from "#sessions/hub.ts";

/** Above this number of bytes in the library's buffer the peer is slow, and the rest waits in the outbox. */
const SOCKET_BYTES = 64 * 1024;
/** A slow peer has this time to read the last data. Then the connection ends (R30). */
const FAREWELL_MS = 10_000;
/** The most bytes of the library's unread answers to pings, in addition to a slow peer's waiting data. */
const UNREAD_BYTES = 1 << 20;
/** The rate of answers to a client's `ping` frames (R49). Any received frame shows that the connection is alive. */
const PINGS = { rate: 1, burst: 5 };
/** These distinguish our pings from the library's. */
const ACK_PING = "ack";
const FAREWELL_PING = "farewell";

/** The used part of the library's socket. */
export interface Socket {
  send(message: string | Uint8Array, isBinary: boolean): number;
  ping(payload: string): number;
  cork(write: () => void): unknown;
  end(code: number, reason: string): void;
  close(): void;
  getBufferedAmount(): number;
}

/**
 * One WebSocket. If the client sends no acknowledgements, a ping after the data replaces them: its pong proves that all
 * earlier data was read.
 */
export class WebSocketWire implements Wire {
  readonly transport = "websocket";
  readonly acknowledges = true;
  readonly outbox: Outbox;
  readonly #socket: Socket;
  readonly #explicitAck: boolean;
  readonly #acked: (sequence: Sequence) => void;
  #gone = false;
  #ending: { finish: () => void; deadline: NodeJS.Timeout } | undefined;
  #written: Sequence | undefined;
  /** The last sequence written before the pending ping. */
  #pinged: Sequence | undefined;
  /** It changes with each `connected` after the first: an older pong concerns earlier data. */
  #ackPing = ACK_PING;
  /** When the full burst of its frames is allowed again. */
  #restedAt = 0;
  /** When the full burst of its `ping` frames is allowed again. */
  #pingsRestedAt = 0;

  constructor(socket: Socket, outboxBytes: number, explicitAck: boolean, acked: (sequence: Sequence) => void) {
    this.#socket = socket;
    this.#explicitAck = explicitAck;
    this.#acked = acked;
    this.outbox = new Outbox((items) => this.#write(items), outboxBytes);
  }

  get writable(): boolean {
    return !this.#gone && !this.#ending && this.#socket.getBufferedAmount() < SOCKET_BYTES;
  }

  /** Whether it may send one more frame now. */
  hears(now: number, limit: Rate): boolean {
    const restedAt = taken(this.#restedAt, now, limit);
    if (restedAt === undefined) return false;
    this.#restedAt = restedAt;
    return true;
  }

  /** Whether it may ping: the library answers pings itself. */
  answers(now: number, limit: Rate): boolean {
    return this.hears(now, limit) && this.#socket.getBufferedAmount() <= UNREAD_BYTES;
  }

  /** R49: whether its `ping` is answered. A peer that reads nothing gets no more data. */
  pong(now: number): boolean {
    const restedAt = taken(this.#pingsRestedAt, now, PINGS);
    if (restedAt === undefined || this.#socket.getBufferedAmount() > UNREAD_BYTES) return false;
    this.#pingsRestedAt = restedAt;
    if (!this.#gone && !this.#ending) this.#socket.send(PONG, false);
    return true;
  }

  /** Ends at once, regardless of unread data. */
  cut(): void {
    if (!this.#gone) this.#socket.close();
  }

  tell(frame: ServerFrame): void {
    if (this.#gone || this.#ending) return;
    if (frame.type === "connected" && this.#written !== undefined) {
      this.#ackPing = `${ACK_PING}${randomInt(2 ** 32)}`;
      this.#pinged = undefined;
    }
    this.#socket.send(JSON.stringify(frame), false);
  }

  inbox(frame: InboxFrame): boolean {
    if (this.outbox.congested || !this.writable) return false;
    this.tell(frame);
    return true;
  }

  /**
   * Some seconds after `end`, the library drops the socket with everything that waits in it. If the peer then answers a
   * ping that it finds there, the reset removes the unread data. So a slow peer is pinged first: its pong says that it
   * has read all.
   */
  end({ code, reason }: Close): void {
    if (this.#gone || this.#ending) return;
    const finish = (): void => this.#socket.end(code, reason);
    if (this.outbox.congested || this.#socket.getBufferedAmount() > 0) {
      this.#ending = { finish, deadline: setTimeout(finish, FAREWELL_MS) };
      this.#socket.ping(FAREWELL_PING);
    } else {
      finish();
    }
  }

  gone(): void {
    this.#gone = true;
    clearTimeout(this.#ending?.deadline);
  }

  /** Whether the pong was expected. */
  ponged(payload: string): boolean {
    if (this.#ending) {
      if (payload === FAREWELL_PING) this.#ending.finish();
      return true;
    }
    if (payload !== this.#ackPing || this.#pinged === undefined) return false;
    const acked = this.#pinged;
    this.#pinged = undefined;
    if (this.#written !== acked) this.#ping();
    this.#acked(acked);
    return true;
  }

  #write(items: Item[]): boolean {
    if (this.#gone || this.#ending) return false;
    this.#socket.cork(() => {
      for (const frame of framesOf(items)) this.#socket.send(frame, false);
      this.#written = items.at(-1)!.sequence;
      if (!this.#explicitAck && this.#pinged === undefined) this.#ping();
    });
    return this.writable;
  }

  #ping(): void {
    this.#pinged = this.#written;
    this.#socket.ping(this.#ackPing);
  }
}

const HEAD = Buffer.from('{"type":"notifications","items":[');
const COMMA = Buffer.from(",");
const TAIL = Buffer.from("]}");

/** Notifications share a frame (R16). A retract has its own (R61). */
function framesOf(items: Item[]): Buffer[] {
  if (items.length === 1) return [items[0]!.json];
  if (items.every(({ retract }) => !retract)) return [together(items)];
  const frames: Buffer[] = [];
  for (let from = 0, to = 0; from < items.length; from = to) {
    to = from + 1;
    if (!items[from]!.retract) while (to < items.length && !items[to]!.retract) to += 1;
    frames.push(...framesOf(items.slice(from, to)));
  }
  return frames;
}

function together(items: Item[]): Buffer {
  const parts: Buffer[] = [HEAD];
  items.forEach(({ json }, index) => {
    if (index > 0) parts.push(COMMA);
    parts.push(json);
  });
  parts.push(TAIL);
  return Buffer.concat(parts);
}

/**
 * R20: handles a client's frame. An invalid frame ends the connection: it is a defect that its author must see. `text`
 * is undefined for a binary frame.
 */
export function onFrame(text: Buffer | undefined, connection: Connection, hub: Hub, door: Handshake): void {
  const frame = text && parseFrame(text);
  if (!frame) {
    hub.end(connection, CloseCodes.badFrame);
  } else if (frame.type === "ack") {
    const sequence = fromCursor(frame.cursor, connection.tag);
    if (sequence === undefined) hub.end(connection, CloseCodes.badFrame);
    else hub.step(connection, { type: "ack", sequence });
  } else if (frame.type === "ping") {
    if (connection.wire instanceof WebSocketWire && !connection.wire.pong(performance.now())) hub.pingIgnored();
  } else {
    void refresh(frame.token, connection, hub, door);
  }
}

async function refresh(token: string, connection: Connection, hub: Hub, door: Handshake): Promise<void> {
  const identity = await door.identify(token, {
    method: "refresh",
    route: "/v1/ws",
    path: "/v1/ws",
    address: connection.address,
  });
  if ("status" in identity && identity.status !== 403) {
    // The old token remains valid until it expires, and the client is asked again (R14).
    connection.askedToRenew = undefined;
    return;
  }
  if (
    "status" in identity ||
    identity.tenant !== connection.identity.tenant ||
    identity.subject !== connection.identity.subject
  ) {
    hub.end(connection, CloseCodes.forbidden);
  } else {
    connection.identity = identity;
  }
}

/** An acknowledgement as JSON.stringify writes it: by far the most frequent frame. Any other form is parsed. */
const ACK_START = '{"type":"ack","cursor":"';
const ACK_END = '"}';
const ACK_BYTES = ACK_START.length + CURSOR_LENGTH + ACK_END.length;

/** The second most frequent frame: an idle browser sends little else. */
const PING = JSON.stringify({ type: "ping" } satisfies ClientFrame);
const PONG = JSON.stringify({ type: "pong" } satisfies ServerFrame);

export function parseFrame(message: Buffer): ClientFrame | undefined {
  if (message.length === PING.length && message.toString("latin1") === PING) return { type: "ping" };
  if (message.length === ACK_BYTES) {
    const text = message.toString("latin1");
    if (text.startsWith(ACK_START) && text.endsWith(ACK_END))
      return { type: "ack", cursor: text.slice(ACK_START.length, -ACK_END.length) };
  }
  try {
    return clientFrame.safeParse(JSON.parse(message.toString("utf8"))).data;
  } catch {
    return undefined;
  }
}
