import fc from "fast-check";
import { expect, test } from "vitest";
import { readUuid, UUID_LENGTH, writeUuid } from "./uuid.ts";

test("reads the text of a UUID in either case, and writes it in lower case", () => {
  fc.assert(
    fc.property(fc.uuid(), fc.boolean(), (uuid, upper) => {
      const id = Buffer.alloc(20);
      expect(readUuid(upper ? uuid.toUpperCase() : uuid, id, 3)).toBe(19);
      expect(id.toString("hex")).toBe(`000000${uuid.replaceAll("-", "")}00`);
      const text = Buffer.alloc(UUID_LENGTH);
      writeUuid(id, 3, text, 0);
      expect(text.toString()).toBe(uuid);
    }),
  );
});
