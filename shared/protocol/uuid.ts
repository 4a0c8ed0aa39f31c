const DIGITS = Buffer.from("0123456789abcdef");
const HYPHEN = 0x2d;

/** Characters of a UUID's text. */
export const UUID_LENGTH = 36;

/**
 * Writes the text (RFC 9562) of 16 bytes of `id` from `from` on, into `text` from `start` on, without strings for
 * parts.
 */
export function writeUuid(id: Uint8Array, from: number, text: Uint8Array, start: number): void {
  let at = start;
  for (let byte = 0; byte < 16; byte += 1) {
    if (byte === 4 || byte === 6 || byte === 8 || byte === 10) text[at++] = HYPHEN;
    text[at++] = DIGITS[id[from + byte]! >> 4]!;
    text[at++] = DIGITS[id[from + byte]! & 0x0f]!;
  }
}

/** The position of each byte's first digit in the text. */
const DIGITS_AT = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34);
/** By a hexadecimal digit's character code, in either case. */
const VALUES = Uint8Array.from({ length: 256 }, (_, code) => Number.parseInt(String.fromCharCode(code), 16) || 0);

/**
 * Writes the 16 bytes of a UUID's text into `id` from `start` on. Returns the end. Makes no string, because each
 * notification has an id.
 */
export function readUuid(text: string, id: Uint8Array, start: number): number {
  for (let byte = 0; byte < 16; byte += 1) {
    const at = DIGITS_AT[byte]!;
    id[start + byte] = (VALUES[text.charCodeAt(at)]! << 4) | VALUES[text.charCodeAt(at + 1)]!;
  }
  return start + 16;
}
