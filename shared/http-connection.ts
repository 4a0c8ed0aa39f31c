import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { plainAddress } from "./caller.ts";
import type { Body } from "./http-body.ts";
import type { Request } from "./http.ts";
import type { Reply } from "./reply.ts";

/** So many pipelined requests wait before their connection is not read for a while. */
const PAUSE_AT = 8;
/** One read brings at most 64 KB, as thousands of tiny requests. What is over this is neither handled nor answered, and the connection ends. */
const MOST_WAITING = 128;
/** An answer before the end of a body is lost to a client that still sends, once its bytes meet a closed socket. So they are read, and dropped. */
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
  /** The answer to a request whose body is malformed. It came while the request waited. */
  broken: Reply | undefined;
  answered: boolean;
}

/** Who answers the requests of a connection. */
export interface Handling {
  start(exchange: Exchange): void;
  /** The peer of the current request went away. */
  gone(exchange: Exchange): void;
}

/** Node pauses a socket by this flag. Its own streams resume a socket that is only paused. */
interface Paused {
  _paused: boolean;
}

/** One connection: its requests are handled one after the other, in the order in which they came (R33). */
export class Connection {
  readonly socket: Socket;
  readonly address: string;
  /** The last answer was given. What comes now is dropped. */
  over = false;
  current: Exchange | undefined;
  readonly #handling: Handling;
  readonly #waiting: Exchange[] = [];
  #last: ServerResponse | undefined;
  #failed = false;
  /** The answer to what is no request. It goes out behind those to the requests before it. */
  #failure: Reply | undefined;

  constructor(socket: Socket, handling: Handling) {
    this.socket = socket;
    this.address = plainAddress(socket.remoteAddress ?? "");
    this.#handling = handling;
    socket.once("close", () => this.#gone());
    // Node calls it behind the last answer, and would destroy the socket at once.
    socket.destroySoon = () => this.#linger();
  }

  /** Nothing that comes is looked at. */
  get deaf(): boolean {
    return this.over || this.#failed;
  }

  add(exchange: Exchange): void {
    if (this.deaf) return;
    if (!this.current) {
      this.#begin(exchange);
      return;
    }
    if (this.#waiting.length >= MOST_WAITING) {
      const last = this.#waiting.at(-1)!;
      last.res.shouldKeepAlive = false;
      return;
    }
    this.#waiting.push(exchange);
    if (this.#waiting.length === PAUSE_AT) {
      (this.socket as unknown as Paused)._paused = true;
      this.socket.pause();
    }
  }

  /** What came is malformed, too large, or too late: as the body of the last request, or behind it. */
  fail(reply: Reply): void {
    if (this.deaf) return;
    this.#failed = true;
    const last = this.#waiting.at(-1) ?? this.current;
    if (last && !last.req.complete) {
      last.broken = reply;
      if (last === this.current) last.body?.refuse(reply);
      return;
    }
    this.#failure = reply;
    if (!this.current) this.#end();
  }

  /** The answer to the current request was written. */
  next(res: ServerResponse): void {
    this.current = undefined;
    this.#last = res;
    if (!res.shouldKeepAlive) {
      this.over = true;
      this.#waiting.length = 0;
    } else if (this.#waiting.length > 0) process.nextTick(() => this.#shift());
    else if (this.#failure) this.#end();
  }

  #begin(exchange: Exchange): void {
    this.current = exchange;
    this.#handling.start(exchange);
  }

  #shift(): void {
    if (this.over || this.current) return;
    const exchange = this.#waiting.shift();
    if (this.#waiting.length < PAUSE_AT && (this.socket as unknown as Paused)._paused) {
      // What Node does itself where a peer reads on, and its only way to go on reading.
      this.socket.emit("drain");
    }
    if (exchange) this.#begin(exchange);
    else if (this.#failure) this.#end();
  }

  #end(): void {
    this.over = true;
    // Until then it is not certain that Node has written the answers before.
    if (this.#last && !this.#last.writableFinished) this.#last.once("finish", () => this.#writeFailure());
    else this.#writeFailure();
  }

  #writeFailure(): void {
    if (!this.socket.writable) {
      this.socket.destroy();
      return;
    }
    const { status, headers = {}, body = "" } = this.#failure!;
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const length = Buffer.byteLength(body);
    this.socket.write(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}content-length: ${length}\r\nconnection: close\r\n\r\n`,
    );
    this.socket.write(body);
    this.#linger();
  }

  #linger(): void {
    const { socket } = this;
    if (socket.destroyed) return;
    this.over = true;
    // The parser is not fed any more.
    socket.removeAllListeners("data").removeAllListeners("end");
    let left = LINGER_BYTES;
    socket.on("data", (bytes: Buffer) => {
      left -= bytes.length;
      if (left < 0) socket.destroy();
    });
    socket.once("end", () => socket.destroy());
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once("close", () => clearTimeout(timer));
    // A peer that has said its last needs no time.
    if (socket.readableEnded) socket.end(() => socket.destroy());
    else socket.end();
    (socket as unknown as Paused)._paused = false;
    socket.resume();
  }

  #gone(): void {
    this.over = true;
    this.#waiting.length = 0;
    if (this.current) this.#handling.gone(this.current);
  }
}
