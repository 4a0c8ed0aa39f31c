import { createHash, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * The three transports as a strict peer sees them, on bare sockets: nothing is repaired, guessed or read ahead, and a
 * socket can be paused or destroyed. Any violation of the protocol is a failure.
 */
export const TRANSPORTS = ["websocket", "sse", "poll"] as const;
export type Transport = (typeof TRANSPORTS)[number];

export interface Opening {
  url: string;
  token: string;
  cursor: string | undefined;
  /** `explicit`: the client sends acknowledgements. Otherwise the transport acknowledges. */
  explicit: boolean;
  /** The client accepts retract frames (R61). */
  retracts?: boolean;
}

export interface Sink {
  /** JSON text, in order. */
  frame(text: string): void;
  heartbeat(): void;
  ended(end: End): void;
  failed(error: Error): void;
}

export interface End {
  code?: number;
  reason?: string;
  /** Seconds. */
  retryAfter?: number;
}

export interface Wire {
  say(text: string): void;
  write(bytes: Buffer): void;
  pause(): void;
  resume(): void;
  /** Destroys the socket, as if the machine were gone. */
  destroy(): void;
  /** Closes as the transport does. `ended` follows. */
  close(): void;
}

export const SUBPROTOCOL = "notifications.v1.json";

export function openWebSocket({ url, token, cursor, explicit, retracts }: Opening, sink: Sink): Wire {
  const key = randomBytes(16).toString("base64");
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  let closed: End = {};
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": key,
    "sec-websocket-protocol": `${SUBPROTOCOL}, bearer.${token}`,
  };
  const socket = request(url, `/v1/ws?${query(cursor, explicit, retracts)}`, headers, sink, {
    status: 101,
    head(answer) {
      if (answer["sec-websocket-accept"] !== accept) throw new Error("sec-websocket-accept is wrong");
      if (answer["sec-websocket-protocol"] !== SUBPROTOCOL) throw new Error("the subprotocol was not agreed on");
      if (answer["sec-websocket-extensions"]) throw new Error("an extension that the client did not request");
    },
    read(bytes) {
      let at = 0;
      for (;;) {
        const frame = readFrame(bytes, at);
        if (!frame) return bytes.subarray(at);
        at = frame.end;
        if (frame.opcode === 1) sink.frame(new TextDecoder("utf-8", { fatal: true }).decode(frame.payload));
        else if (frame.opcode === 9) {
          sink.heartbeat();
          socket.write(maskedFrame(10, frame.payload));
        } else if (frame.opcode === 8) {
          closed = { code: frame.payload.readUInt16BE(0), reason: frame.payload.toString("utf8", 2) };
          socket.end(maskedFrame(8, frame.payload.subarray(0, 2)));
        } else if (frame.opcode === 10) {
          // A pong for a ping of the test.
        } else throw new Error(`a frame with opcode ${frame.opcode}`);
      }
    },
    end: () => sink.ended(closed),
  });
  return {
    ...control(socket),
    say: (text) => void socket.write(maskedFrame(1, Buffer.from(text))),
    close: () => void socket.write(maskedFrame(8, Buffer.from([0x03, 0xe8]))),
  };
}

export function maskedFrame(opcode: number, payload: Buffer): Buffer {
  const mask = randomBytes(4);
  const long = payload.length > 125;
  const head = Buffer.from([0x80 | opcode, 0x80 | (long ? 126 : payload.length), ...(long ? [0, 0] : [])]);
  if (long) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, mask, payload.map((byte, index) => byte ^ mask[index % 4]!)]);
}

/** RFC 6455, 5.2: whole, unmasked, without extension bits. Undefined if it is incomplete. */
function readFrame(bytes: Buffer, at: number): { opcode: number; payload: Buffer; end: number } | undefined {
  if (bytes.length < at + 2) return undefined;
  const [first, second] = [bytes[at]!, bytes[at + 1]!];
  if ((first & 0xf0) !== 0x80 || second & 0x80) throw new Error("a fragmented, extended or masked frame");
  const wide = second === 126 ? 2 : second === 127 ? 8 : 0;
  const start = at + 2 + wide;
  if (bytes.length < start) return undefined;
  const length = wide === 0 ? second : wide === 2 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
  const end = start + length;
  return bytes.length < end ? undefined : { opcode: first & 15, payload: bytes.subarray(start, end), end };
}

/**
 * A chunk counts with its last CRLF, and an event with its empty line. So a server that delays either one is late here.
 */
export function openSse({ url, token, cursor, explicit, retracts }: Opening, sink: Sink): Wire {
  let text = "";
  const event: string[] = [];
  const socket = request(url, `/v1/sse?${query(undefined, explicit, retracts)}`, authorized(token, cursor), sink, {
    status: 200,
    head(answer) {
      if (answer["content-type"] !== "text/event-stream") throw new Error(`content-type ${answer["content-type"]}`);
      if (answer["transfer-encoding"]?.toLowerCase() !== "chunked") throw new Error("the stream is not chunked");
    },
    read(bytes) {
      let at = 0;
      for (;;) {
        const line = bytes.indexOf("\r\n", at);
        if (line === -1) return bytes.subarray(at);
        const size = Number.parseInt(bytes.toString("latin1", at, line), 16);
        if (!Number.isSafeInteger(size)) throw new Error("a chunk without a size");
        const end = line + 2 + size;
        if (bytes.length < end + 2) return bytes.subarray(at);
        if (bytes.toString("latin1", end, end + 2) !== "\r\n") throw new Error("a chunk that does not end");
        text += bytes.toString("utf8", line + 2, end);
        at = end + 2;
        // The response is over, but the connection may stay for another.
        if (size === 0) socket.end();
        const lines = text.split("\n");
        text = lines.pop()!;
        for (const line of lines) {
          if (line === ":") sink.heartbeat();
          else if (line !== "") event.push(line);
          else readEvent(event.splice(0), sink);
        }
      }
    },
    end: () => sink.ended({}),
  });
  return {
    ...control(socket),
    say: () => sink.failed(new Error("a client cannot send on an SSE stream")),
    close: () => socket.end(),
  };
}

/** Some readers treat an empty line without an event as an empty event. */
function readEvent(lines: readonly string[], sink: Sink): void {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^(id|event|data): ([^\r]*)$/.exec(line) ?? [];
    if (name === undefined || fields.has(name)) throw new Error(`no line of an event: ${line.slice(0, 100)}`);
    fields.set(name, value!);
  }
  const data = fields.get("data");
  if (data === undefined) throw new Error(`an event without data: ${lines.join(" ").slice(0, 100)}`);
  const { type, cursor } = JSON.parse(data) as { type?: string; cursor?: string };
  if (fields.get("event") !== type) throw new Error(`event ${fields.get("event")} with a frame ${type}`);
  if (fields.get("id") !== cursor) throw new Error(`id ${fields.get("id")} with the cursor ${cursor}`);
  sink.frame(data);
}

interface Handlers {
  status: number;
  head(headers: Record<string, string>): void;
  /** Returns the rest. */
  read(bytes: Buffer): Buffer;
  end(): void;
}

function request(url: string, path: string, headers: Record<string, string>, sink: Sink, on: Handlers): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  const lines = Object.entries({ host: `${hostname}:${port}`, ...headers }).map(([name, value]) => `${name}: ${value}`);
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
  let rest: Buffer = Buffer.alloc(0);
  let begun = false;
  socket.on("data", (bytes) => {
    try {
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      if (!begun) {
        const end = rest.indexOf("\r\n\r\n");
        if (end === -1) return;
        const [status = "", ...fields] = rest.toString("latin1", 0, end).split("\r\n");
        if (Number(status.split(" ")[1]) !== on.status) throw new Error(`${path.split("?")[0]}: ${rest.toString()}`);
        on.head(
          Object.fromEntries(fields.map((line) => [line.split(": ", 1)[0]!.toLowerCase(), line.replace(/^.*?: /, "")])),
        );
        begun = true;
        rest = rest.subarray(end + 4);
      }
      rest = on.read(rest);
    } catch (error) {
      sink.failed(error as Error);
      socket.destroy();
    }
  });
  // A killed process resets its connections.
  socket.on("error", () => {});
  socket.on("end", () => socket.end());
  socket.on("close", () => on.end());
  return socket;
}

/** A poll loop; each poll has the cursor of the answer before. `resume` continues a paused loop. */
export function openPolls({ url, token, cursor, retracts }: Opening, sink: Sink, waitSeconds = 20): Wire {
  const stop = new AbortController();
  let going = Promise.withResolvers<void>();
  going.resolve();
  const loop = async (): Promise<void> => {
    let from = cursor;
    for (;;) {
      await going.promise;
      const path = `${url}/v1/poll?wait=${waitSeconds}&${query(from, false, retracts)}`;
      const response = await fetch(path, { headers: authorized(token, undefined), signal: stop.signal });
      const text = await response.text();
      const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
      if (response.status === 503 && text.includes('"/problems/replay-pending"')) {
        // R7: the loop continues.
        await sleep(retryAfter * 1_000, undefined, { signal: stop.signal });
        continue;
      }
      // An ending distributor accepts no further poll.
      if (response.status === 503 && retryAfter >= 0) return sink.ended({ code: 503, retryAfter });
      if (response.status !== 200) throw new Error(`/v1/poll: ${response.status} ${text}`);
      sink.frame(text);
      const answer = JSON.parse(text) as { cursor: string; closing?: End };
      if (answer.closing) return sink.ended(answer.closing);
      from = answer.cursor;
    }
  };
  loop().catch((error: unknown) => {
    // Closed by us, or the server is gone: a normal end.
    if (stop.signal.aborted || error instanceof TypeError) sink.ended({});
    else sink.failed(error as Error);
  });
  const end = (): void => {
    stop.abort();
    going.resolve();
  };
  return {
    say: () => sink.failed(new Error("a client cannot send between polls")),
    write: () => sink.failed(new Error("a client cannot write between polls")),
    pause: () => (going = Promise.withResolvers<void>()),
    resume: () => going.resolve(),
    destroy: end,
    close: end,
  };
}

function control(socket: Socket): Pick<Wire, "write" | "pause" | "resume" | "destroy"> {
  return {
    write: (bytes) => void socket.write(bytes),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    destroy: () => void socket.destroy(),
  };
}

function query(cursor: string | undefined, explicit: boolean, retracts = false): string {
  return new URLSearchParams({
    ...(cursor === undefined ? {} : { cursor }),
    ...(explicit ? { ack: "explicit" } : {}),
    ...(retracts ? { retract: "true" } : {}),
  }).toString();
}

function authorized(token: string, cursor: string | undefined): Record<string, string> {
  return { authorization: `Bearer ${token}`, ...(cursor === undefined ? {} : { "last-event-id": cursor }) };
}
