import { MAX_HEADERS } from "@saasaparilla/shared/protocol/options.ts";
import { MAX_CLIENTS } from "./notification-schema.ts";

export interface Most {
  MAX_DATA_BYTES: number;
  MAX_BATCH_ITEMS: number;
}

/** Smaller bodies are parsed in about ten milliseconds, whatever their content. */
const LARGE_BYTES = 512 << 10;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

/**
 * Detects, before parsing, that nothing in a large body can be accepted: a pass over its bytes costs a tenth of
 * parsing. It looks only at brackets, commas and strings, and leaves invalid JSON to the parser.
 */
export function overgrown(body: Buffer, { MAX_DATA_BYTES, MAX_BATCH_ITEMS }: Most): "items" | "members" | undefined {
  if (body.length < LARGE_BYTES) return undefined;
  // An element and its comma have at least two bytes; the members beside `data` have these.
  const mostCommas = MAX_DATA_BYTES / 2 + MAX_CLIENTS + MAX_HEADERS + 16;
  let [depth, items, commas, outside] = [0, 0, 0, -1];
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at]!;
    if (byte === QUOTE) at = endOfString(body, at);
    else if (byte === COMMA) {
      if (depth === outside) {
        items += 1;
        commas = 0;
        if (items >= MAX_BATCH_ITEMS) return "items";
      } else if ((commas += 1) > mostCommas) return "members";
    } else if (byte === 0x7b || byte === 0x5b) {
      // Items are in an array, or the body is one.
      if (outside < 0) outside = byte === 0x5b ? 1 : 0;
      depth += 1;
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
  }
  return undefined;
}

function endOfString(body: Buffer, start: number): number {
  let at = start + 1;
  while (at < body.length && body[at] !== QUOTE) at += body[at] === BACKSLASH ? 2 : 1;
  return at;
}
