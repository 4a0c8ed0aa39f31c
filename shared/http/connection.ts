import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { plainAddress } from "./networks.ts";
import type { Body } from "./request-body.ts";
import type { Request } from "./request.ts";
import type { HttpResponse } from "./response.ts";

/** The socket is not read while this many pipelined requests wait. */
const PAUSE_AT = 8;
/**
 * One read brings up to 64 KB, which can be thousands of tiny requests. A request over this limit is dropped, and the
 * connection ends.
 */
const MOST_WAITING = 128;
/** No further request is handled while more than this waits for a peer that does not read. One answer may exceed it. */
const MOST_UNREAD_BYTES = 1 << 20;
/** Estimate for the head of one answer. */
const ANSWER_HEAD_BYTES = 256;
/**
 * A client that still sends loses an answer if its bytes meet a closed socket. So its bytes are read and dropped, up to
 * these limits.
 */
const LINGER_MS = 5_000;
const LINGER_BYTES = 8 << 20;

/** One request, from its head to its answer. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly connection: Connection;
  readonly expects: "nothing" | "continue" | "unknown";
  body: Body | undefined;
  request: Request | undefined;
  /** The answer to a request whose body is malformed. It is set while the request waits. */
  broken: HttpResponse | undefined;
  answered: boolean;
}

/** Why the service ended a connection before its peer did. */
export type ConnectionCut = "pipelined" | "linger_bytes" | "linger_time";

/** Answers the requests of a connection. */
export interface Handling {
  start(exchange: Exchange): void;
  /** The peer of the current request went away. */
  gone(exchange: Exchange): void;
  /** The next head is late. */
  late(connection: Connection): void;
  cut(reason: ConnectionCut): void;
  closed(connection: Connection): void;
  /** A head must be complete within this time, in ms. */
  readonly headMs: number;
}

/** Private to Node: this flag stops parser and socket. The next body that is read undoes `socket.pause()` alone. */
interface Pausable {
  _paused: boolean;
}

/** One connection. Its requests are handled one after the other, in their order of arrival (R33). */
export class Connection {
  readonly socket: Socket;
  readonly address: string;
  /** The last answer is given. Later bytes are dropped. */
  over = false;
  current: Exchange | undefined;
  readonly #handling: Handling;
  readonly #waiting: Exchange[] = [];
  #unfinished = 0;
  #unreadBytes = 0;
  #ending = false;
  #lingering = false;
  #failed = false;
  /** The answer to bytes that are not a request. It follows the answers to the requests before it. */
  #failure: HttpResponse | undefined;
  /** The failed request was HEAD, whose answer has no body. */
  #failedHead = false;
  #late = false;
  #lateTimer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, handling: Handling) {
    this.socket = socket;
    this.address = plainAddress(socket.remoteAddress ?? "");
    this.#handling = handling;
    socket.once("close", () => this.#gone());
    // Node resumes reading on this event. Its own listener runs first.
    socket.on("drain", () => {
      if (this.#full) this.#pause();
    });
    // Node calls this after the last answer, and would destroy the socket at once.
    socket.destroySoon = () => this.#linger();
  }

  /** Incoming bytes are ignored. */
  get deaf(): boolean {
    return this.over || this.#failed;
  }

  /** Whether the body of the newest request is still arriving. */
  get inBody(): boolean {
    const newest = this.#waiting.at(-1) ?? this.current;
    return newest !== undefined && !newest.req.complete;
  }

  get #idle(): boolean {
    return !this.current && this.#waiting.length === 0 && this.#unfinished === 0;
  }

  add(exchange: Exchange): void {
    if (this.deaf) return;
    this.#late = false;
    clearTimeout(this.#lateTimer);
    if (!this.current && this.#waiting.length === 0 && this.#unreadBytes < MOST_UNREAD_BYTES) {
      this.#begin(exchange);
      return;
    }
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push(exchange);
    else {
      const { res } = this.#waiting.at(-1)!;
      if (res.shouldKeepAlive) this.#handling.cut("pipelined");
      res.shouldKeepAlive = false;
    }
    this.#regulate();
  }

  /** The bytes are malformed or too large. They belong to the body of the last request, or follow it. */
  fail(response: HttpResponse, head = false): void {
    if (this.deaf) return;
    this.#failed = true;
    this.#failedHead = head;
    this.#regulate();
    const last = this.#waiting.at(-1) ?? this.current;
    if (last && !last.req.complete) {
      last.broken = response;
      if (last === this.current) last.body?.refuse(response);
      return;
    }
    this.#failure = response;
    this.#proceed();
  }

  /** A head took too long. If the pause of the socket delayed it, its time starts again. */
  late(): void {
    if (this.#idle) this.#handling.late(this);
    else this.#late = true;
  }

  /** The answer to the current request was written. `bytes`: the size of its body. */
  next(res: ServerResponse, bytes: number): void {
    this.current = undefined;
    this.over ||= !res.shouldKeepAlive;
    if (this.over) this.#waiting.length = 0;
    const size = bytes + ANSWER_HEAD_BYTES;
    this.#unfinished += 1;
    this.#unreadBytes += size;
    res.once("finish", () => {
      this.#unfinished -= 1;
      this.#unreadBytes -= size;
      this.#regulate();
      this.#proceed();
    });
    // Writing an answer makes Node read again.
    this.#regulate();
    if (this.#waiting.length > 0) process.nextTick(() => this.#proceed());
  }

  /** Ends the connection once every request under way is answered and flushed. */
  end(): void {
    this.#ending = true;
    this.#proceed();
  }

  #begin(exchange: Exchange): void {
    this.current = exchange;
    this.#handling.start(exchange);
  }

  #proceed(): void {
    if (this.over || this.current || this.socket.destroyed) return;
    const exchange = this.#unreadBytes < MOST_UNREAD_BYTES ? this.#waiting.shift() : undefined;
    if (exchange) {
      this.#regulate();
      this.#begin(exchange);
    } else if (this.#idle) this.#rest();
  }

  /** Every answer is flushed. */
  #rest(): void {
    if (this.#failure) this.#writeFailure(this.#failure);
    else if (this.#ending) this.#linger();
    else if (this.#late) {
      this.#late = false;
      this.#lateTimer = setTimeout(() => this.late(), this.#handling.headMs);
    }
  }

  get #full(): boolean {
    return this.deaf || this.#waiting.length >= PAUSE_AT;
  }

  #regulate(): void {
    if (this.#full) this.#pause();
    else this.#resume();
  }

  /** Stops reading while enough requests wait, and after the last request: Node keeps every request that it parses. */
  #pause(): void {
    if (this.#lingering) return;
    (this.socket as unknown as Pausable)._paused = true;
    this.socket.pause();
  }

  #resume(): void {
    if (this.#lingering || !(this.socket as unknown as Pausable)._paused || this.socket.writableNeedDrain) return;
    // Only Node's own listener to this event also resumes its parser. It does nothing while Node wants the pause.
    this.socket.emit("drain");
  }

  #writeFailure({ status, headers = {}, body = "" }: HttpResponse): void {
    const length = Buffer.byteLength(body);
    this.over = true;
    if (!this.socket.writable) {
      this.socket.destroy();
      return;
    }
    const all = { ...headers, date: new Date().toUTCString(), "content-length": length, connection: "close" };
    const text = Object.entries(all)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join("");
    this.socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${text}\r\n`);
    if (!this.#failedHead) this.socket.write(body);
    this.#linger();
  }

  #linger(): void {
    const { socket } = this;
    if (socket.destroyed || this.#lingering) return;
    this.over = this.#lingering = true;
    const cut = (reason: ConnectionCut): void => {
      this.#handling.cut(reason);
      socket.destroy();
    };
    // The parser gets no more bytes.
    socket.removeAllListeners("data").removeAllListeners("end");
    let left = LINGER_BYTES;
    socket.on("data", (bytes: Buffer) => {
      left -= bytes.length;
      if (left < 0) cut("linger_bytes");
    });
    socket.once("end", () => socket.destroy());
    const timer = setTimeout(() => cut("linger_time"), LINGER_MS);
    socket.once("close", () => clearTimeout(timer));
    // A peer that has ended its side needs no time.
    if (socket.readableEnded) socket.end(() => socket.destroy());
    else socket.end();
    socket.resume();
    // The parser read instead of the stream. The stream does not know that a paused handle stopped.
    socket._read(0);
  }

  #gone(): void {
    this.over = true;
    this.#waiting.length = 0;
    clearTimeout(this.#lateTimer);
    if (this.current) this.#handling.gone(this.current);
    this.#handling.closed(this);
  }
}
