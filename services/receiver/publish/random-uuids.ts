import { randomFillSync } from "node:crypto";
import { UUID_LENGTH, writeUuid } from "@saasaparilla/shared/protocol/uuid.ts";

/**
 * Random UUIDs (RFC 9562, version 4). They are created together, as parts of one text. Each alone would be built from
 * twenty strings, with half a kilobyte of garbage.
 */
export function randomIds(count: number): string[] {
  const random = randomFillSync(Buffer.allocUnsafe(count * 16));
  const text = Buffer.allocUnsafe(count * UUID_LENGTH);
  for (let index = 0; index < count; index += 1) {
    const from = index * 16;
    random[from + 6] = 0x40 | (random[from + 6]! & 0x0f);
    random[from + 8] = 0x80 | (random[from + 8]! & 0x3f);
    writeUuid(random, from, text, index * UUID_LENGTH);
  }
  const all = text.toString("latin1");
  return Array.from({ length: count }, (_, index) => all.slice(index * UUID_LENGTH, (index + 1) * UUID_LENGTH));
}
