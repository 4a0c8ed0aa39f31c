import { STATUS_CODES, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Exchange } from "./connection.ts";
import type { HttpResponse, StreamOut } from "./response.ts";

/** The most bytes of a stream that wait for a slow peer. */
const MOST_BYTES = 1 << 20;

interface Streamed {
  res: ServerResponse;
  socket: Socket;
  status: number;
  headers: Record<string, string | number>;
  start: (out: StreamOut) => () => void;
  /** Called once, after the last byte was given to the response. */
  ended: () => void;
}

/** Writes an answer bit by bit. Returns the function that ends it. Its connection ends with it. */
function startStream({ res, socket, status, headers, start, ended }: Streamed): () => void {
  res.shouldKeepAlive = false;
  res.writeHead(status, STATUS_CODES[status] ?? "", headers);
  res.flushHeaders();
  let over = false;
  const started: { stop?: () => void } = {};
  const end = (): void => {
    if (over) return;
    over = true;
    socket.off("end", end);
    started.stop?.();
    res.end();
    ended();
  };
  // A half-closed connection may wait for an answer, but no peer half-closes a stream that it reads.
  socket.once("end", end);
  started.stop = start({
    write(text) {
      if (over) return;
      res.write(text);
      // A peer that does not read must not fill the memory.
      if (res.writableLength <= MOST_BYTES) return;
      socket.destroy();
      end();
    },
    end,
  });
  if (over) started.stop();
  return end;
}

/** The streams of one server. */
export class NodeStreams {
  readonly #open = new Map<Exchange, () => void>();

  start(
    exchange: Exchange,
    status: number,
    headers: Record<string, string | number>,
    start: NonNullable<HttpResponse["stream"]>,
  ): void {
    const { res, connection } = exchange;
    const ended = (): void => {
      this.#open.delete(exchange);
      connection.next(res, 0);
    };
    const end = startStream({ res, socket: connection.socket, status, headers, start, ended });
    if (!res.writableEnded) this.#open.set(exchange, end);
  }

  gone(exchange: Exchange): void {
    this.#open.get(exchange)?.();
  }

  end(): void {
    for (const end of this.#open.values()) end();
  }
}
