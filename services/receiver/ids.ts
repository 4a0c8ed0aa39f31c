import { randomFillSync } from "node:crypto";

const DIGITS = Buffer.from("0123456789abcdef");
const HYPHEN = 0x2d;
const LENGTH = 36;

/**
 * So many random UUIDs (RFC 9562, version 4). Made together, as parts of one text: each by itself is put together from twenty strings,
 * half a kilobyte of garbage.
 */
export function randomIds(count: number): string[] {
  const random = randomFillSync(Buffer.allocUnsafe(count * 16));
  const text = Buffer.allocUnsafe(count * LENGTH);
  let at = 0;
  for (let from = 0; from < random.length; from += 16) {
    random[from + 6] = 0x40 | (random[from + 6]! & 0x0f);
    random[from + 8] = 0x80 | (random[from + 8]! & 0x3f);
    for (let byte = 0; byte < 16; byte += 1) {
      if (byte === 4 || byte === 6 || byte === 8 || byte === 10) text[at++] = HYPHEN;
      text[at++] = DIGITS[random[from + byte]! >> 4]!;
      text[at++] = DIGITS[random[from + byte]! & 0x0f]!;
    }
  }
  const all = text.toString("latin1");
  return Array.from({ length: count }, (_, index) => all.slice(index * LENGTH, (index + 1) * LENGTH));
}
