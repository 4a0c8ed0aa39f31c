import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Cheap client sockets, because the load tool must not be the bottleneck. All read into one buffer, and only a frame in
 * parts is copied. They support the parts of RFC 6455 that our server uses.
 */
const READ_BYTES = 256 * 1024;
const shared = Buffer.allocUnsafe(READ_BYTES);

/** A process has about 28,000 ports for each of its local addresses. */
const CONNECTIONS_PER_ADDRESS = 4_000;
let opened = 0;

export function openSocket(url: URL, onBytes: (bytes: Buffer, length: number) => void, onEnd: () => void): Socket {
  const address = 2 + (Math.floor((opened += 1) / CONNECTIONS_PER_ADDRESS) % 200);
  const socket = connect({
    host: "127.0.0.1",
    port: Number(url.port),
    localAddress: `127.0.0.${address}`,
    noDelay: true,
    onread: {
      buffer: shared,
      callback: (length, bytes) => {
        onBytes(bytes as Buffer, length);
        return true;
      },
    },
  });
  // A close follows.
  socket.on("error", () => {});
  socket.on("close", onEnd);
  return socket;
}

/** Called for each whole frame: of `bytes`, from `start` to `end`. The bytes are invalid after it returns. */
export type OnFrame = (opcode: number, bytes: Buffer, start: number, end: number) => void;

const HEADERS_END = Buffer.from("\r\n\r\n");

/** Resolves once it is upgraded. After 503 with Retry-After it waits and tries again, as a client must (R44). */
export async function openWebSocket(
  url: URL,
  token: string,
  onFrame: OnFrame,
  onEnd: () => void,
): Promise<{ socket: Socket; refusals: number }> {
  for (let refusals = 0; ; refusals += 1) {
    const outcome = await attempt(url, token, onFrame, onEnd);
    if (typeof outcome !== "number") return { socket: outcome, refusals };
    await sleep(outcome * (0.5 + Math.random() / 2));
  }
}

/** The socket, or the ms until the next try. */
function attempt(url: URL, token: string, onFrame: OnFrame, onEnd: () => void): Promise<Socket | number> {
  return new Promise((resolve, reject) => {
    let upgraded = false;
    let rest: Buffer | undefined;
    const onBytes = (bytes: Buffer, length: number): void => {
      let from = bytes;
      let end = length;
      if (rest) {
        from = Buffer.concat([rest, bytes.subarray(0, length)]);
        end = from.length;
        rest = undefined;
      }
      let at = 0;
      if (!upgraded) {
        const headers = from.subarray(0, end).indexOf(HEADERS_END);
        if (headers >= 0) {
          const text = from.toString("latin1", 0, headers);
          if (!text.startsWith("HTTP/1.1 101 ")) {
            const after = /\r\nretry-after: (\d+)/i.exec(text)?.[1];
            if (after !== undefined) resolve(Number(after) * 1_000);
            else reject(new Error(`A connection was answered: ${text.slice(0, 80)}`));
            socket.destroy();
            return;
          }
          upgraded = true;
          at = headers + HEADERS_END.length;
          resolve(socket);
        }
      }
      if (upgraded) at = readFrames(from, at, end, onFrame);
      if (at < end) rest = Buffer.from(from.subarray(at, end));
    };
    const socket = openSocket(url, onBytes, () => {
      // After an upgrade the promise is settled, and this has no effect.
      reject(new Error("A connection ended before it was answered."));
      if (upgraded) onEnd();
    });
    socket.write(
      `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    );
  });
}

/** Handles the complete frames. Returns the start of the first incomplete one. */
function readFrames(bytes: Buffer, from: number, end: number, onFrame: OnFrame): number {
  let at = from;
  while (end - at >= 2) {
    let length = bytes[at + 1]! & 0x7f;
    let start = at + 2;
    if (length === 126) {
      if (end - at < 4) break;
      length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
      start = at + 4;
    } else if (length === 127) {
      if (end - at < 10) break;
      length = Number(bytes.readBigUInt64BE(at + 2));
      start = at + 10;
    }
    if (start + length > end) break;
    onFrame(bytes[at]! & 0x0f, bytes, start, start + length);
    at = start + length;
  }
  return at;
}

/** A client must mask its frames. A mask of zeros leaves the bytes unchanged. */
export function clientFrame(opcode: number, payload: Buffer): Buffer {
  const frame = Buffer.alloc(6 + payload.length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | payload.length;
  payload.copy(frame, 6);
  return frame;
}

export const Opcode = { TEXT: 1, CLOSE: 8, PING: 9, PONG: 10 } as const;
