const DIGITS = Buffer.from("0123456789abcdef");
const HYPHEN = 0x2d;

/** Characters of a UUID's text. */
export const UUID_LENGTH = 36;

/** The text (RFC 9562) of the 16 bytes of `id` from `from` on, into `text` from `start` on: without a string for each of its parts. */
export function writeUuid(id: Uint8Array, from: number, text: Uint8Array, start: number): void {
  let at = start;
  for (let byte = 0; byte < 16; byte += 1) {
    if (byte === 4 || byte === 6 || byte === 8 || byte === 10) text[at++] = HYPHEN;
    text[at++] = DIGITS[id[from + byte]! >> 4]!;
    text[at++] = DIGITS[id[from + byte]! & 0x0f]!;
  }
}
