import type { IncomingMessage } from "node:http";
import type { Cut } from "./request-body.ts";
import { badHead, largeChunks, largeHead, type HttpResponse } from "./response.ts";

/** Where the parser of Node needs help: what it says of a request that it refuses, and after which answers it may not go on. */
export interface ParserError extends NodeJS.ErrnoException {
  rawPacket?: Buffer;
  bytesParsed?: number;
}

/** The answer to what the parser refuses, and how it is counted. */
export function parserRefusal(code: string, inBody: boolean): { cut: Cut; response: HttpResponse } {
  if (code === "HPE_HEADER_OVERFLOW" || code === "HPE_CHUNK_EXTENSIONS_OVERFLOW")
    return { cut: "large", response: inBody ? largeChunks() : largeHead() };
  return { cut: "malformed", response: badHead("This is no HTTP/1.1 request: it is malformed or incomplete.") };
}

/** Whether the request that is malformed is HEAD, as far as its packet says it. */
export function asksHead(packet: Buffer | undefined, parsed: number | undefined): boolean {
  const text = packet?.toString("latin1", 0, (parsed ?? 0) + 1) ?? "";
  const before = text.lastIndexOf("\r\n\r\n", text.length - "\r\n\r\n".length - 1);
  return text.startsWith("HEAD ", before < 0 ? 0 : before + "\r\n\r\n".length);
}

/**
 * Node ends these connections behind the answer, and must not handle what follows.
 * - The parser pauses behind a request with `Connection: upgrade` or `Proxy-Connection: upgrade`, loses the rest of the packet,
 *   and takes the next packet for a new request. The Upgrade header alone decides here, so that no reading of the other can differ.
 * - An answer without a length ends a connection of HTTP/1.0, even one that is to be kept.
 */
export function endsConnection({ headers, httpVersionMinor }: IncomingMessage, empty: boolean): boolean {
  return headers.upgrade !== undefined || (empty && httpVersionMinor === 0);
}
