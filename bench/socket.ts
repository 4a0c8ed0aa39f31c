import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

/**
 * A WebSocket client (RFC 6455) that costs little: the load tool must not be the bottleneck. It answers pings, hands out the
 * text frames as bytes, and knows nothing else.
 */
export interface LoadSocket {
  close(): void;
}

const Opcode = { TEXT: 1, PING: 9, PONG: 10 } as const;

export function openSocket(
  url: URL,
  token: string,
  onText: (payload: Buffer) => void,
  onEnd: () => void,
): Promise<LoadSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    socket.on("error", reject);
    socket.on("close", onEnd);
    socket.write(
      `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    );
    let rest: Buffer = Buffer.alloc(0);
    let open = false;
    socket.on("data", (data) => {
      rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
      if (!open) {
        const end = rest.indexOf("\r\n\r\n");
        if (end < 0) return;
        const status = rest.toString("latin1", 0, rest.indexOf("\r\n"));
        if (!status.includes(" 101 ")) {
          reject(new Error(`The distributor answered ${status}.`));
          socket.destroy();
          return;
        }
        open = true;
        rest = rest.subarray(end + 4);
        resolve({ close: () => socket.destroy() });
      }
      rest = readFrames(rest, socket, onText);
    });
  });
}

/** Handles the whole frames and answers what is left. */
function readFrames(buffer: Buffer, socket: Socket, onText: (payload: Buffer) => void): Buffer {
  let at = 0;
  while (buffer.length - at >= 2) {
    let length = buffer[at + 1]! & 0x7f;
    let start = at + 2;
    if (length === 126) {
      if (buffer.length - at < 4) break;
      length = buffer.readUInt16BE(at + 2);
      start = at + 4;
    } else if (length === 127) {
      if (buffer.length - at < 10) break;
      length = Number(buffer.readBigUInt64BE(at + 2));
      start = at + 10;
    }
    if (buffer.length < start + length) break;
    const payload = buffer.subarray(start, start + length);
    const opcode = buffer[at]! & 0x0f;
    if (opcode === Opcode.TEXT) onText(payload);
    else if (opcode === Opcode.PING) socket.write(pong(payload));
    at = start + length;
  }
  return at === buffer.length ? Buffer.alloc(0) : buffer.subarray(at);
}

/** Masked with zeros: a mask is needed, chance is not. */
function pong(payload: Buffer): Buffer {
  const frame = Buffer.alloc(6 + payload.length);
  frame[0] = 0x80 | Opcode.PONG;
  frame[1] = 0x80 | payload.length;
  payload.copy(frame, 6);
  return frame;
}
