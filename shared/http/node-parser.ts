import type { IncomingMessage } from "node:http";
import type { Cut } from "./request-body.ts";
import { badHead, largeChunks, largeHead, type HttpResponse } from "./response.ts";

/**
 * Helps Node's parser in two cases: to answer a request that it refuses, and to end a connection after certain answers.
 */
export interface ParserError extends NodeJS.ErrnoException {
  rawPacket?: Buffer;
  bytesParsed?: number;
}

/** The answer to a request that the parser refuses, and its counter. */
export function parserRefusal(code: string, inBody: boolean): { cut: Cut; response: HttpResponse } {
  if (code === "HPE_HEADER_OVERFLOW" || code === "HPE_CHUNK_EXTENSIONS_OVERFLOW")
    return { cut: "large", response: inBody ? largeChunks() : largeHead() };
  return { cut: "malformed", response: badHead("This is not an HTTP/1.1 request: it is malformed or incomplete.") };
}

/** Whether the malformed request is HEAD, as far as its packet shows it. */
export function asksHead(packet: Buffer | undefined, parsed: number | undefined): boolean {
  const text = packet?.toString("latin1", 0, (parsed ?? 0) + 1) ?? "";
  const before = text.lastIndexOf("\r\n\r\n", text.length - "\r\n\r\n".length - 1);
  return text.startsWith("HEAD ", before < 0 ? 0 : before + "\r\n\r\n".length);
}

/**
 * Node ends these connections after the answer, and must not handle later bytes.
 * - After `Connection: upgrade` or `Proxy-Connection: upgrade` the parser pauses and loses the rest of the packet. It
 *   takes the next packet for a new request. Only the Upgrade header decides here, so that two readings of the other
 *   cannot differ.
 * - An answer without a length ends a connection of HTTP/1.0, even one with keep-alive.
 */
export function endsConnection({ headers, httpVersionMinor }: IncomingMessage, empty: boolean): boolean {
  return headers.upgrade !== undefined || (empty && httpVersionMinor === 0);
}
