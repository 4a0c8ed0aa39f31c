import { randomFillSync } from "node:crypto";

const DIGITS = Buffer.from("0123456789abcdef");
const HYPHEN = 0x2d;
const LENGTH = 36;

/** So many random UUIDs (RFC 9562, version 4). Made together: each by itself is put together from twenty strings. */
export function randomIds(count: number): string[] {
  const random = randomFillSync(Buffer.allocUnsafe(count * 16));
  const text = Buffer.allocUnsafe(LENGTH);
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const from = index * 16;
    random[from + 6] = 0x40 | (random[from + 6]! & 0x0f);
    random[from + 8] = 0x80 | (random[from + 8]! & 0x3f);
    let at = 0;
    for (let byte = 0; byte < 16; byte += 1) {
      if (byte === 4 || byte === 6 || byte === 8 || byte === 10) text[at++] = HYPHEN;
      text[at++] = DIGITS[random[from + byte]! >> 4]!;
      text[at++] = DIGITS[random[from + byte]! & 0x0f]!;
    }
    ids.push(text.toString("latin1", 0, LENGTH));
  }
  return ids;
}
