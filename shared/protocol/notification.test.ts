import { Partitioners } from "kafkajs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { cursorTag, fromCursor, packSequence, partitionOf, sequenceAt, START, toCursor } from "./notification.ts";

const key = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}\/[!#-[\]-z|~]{1,40}$/);

test("a partition matches the choice of Kafka's own partitioner", () => {
  const partitioner = Partitioners.DefaultPartitioner();
  const metadata = Array.from({ length: 12 }, (_, partitionId) => ({
    partitionId,
    leader: 1,
    replicas: [1],
    isr: [1],
    partitionErrorCode: 0,
  }));
  fc.assert(
    fc.property(key, (k) => {
      const theirs = partitioner({ topic: "t", partitionMetadata: metadata, message: { key: k, value: null } });
      expect(partitionOf(k, 12)).toBe(theirs);
    }),
  );
});

test("sequences compare as epoch, offset and index do", () => {
  const part = fc.tuple(fc.nat(65535), fc.nat(2 ** 40), fc.nat(4095));
  fc.assert(
    fc.property(part, part, (a, b) => {
      const difference = a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
      const [x, y] = [a, b].map(([epoch, offset, index]) => sequenceAt(packSequence(epoch, offset), index));
      expect(x! < y! ? -1 : x! > y! ? 1 : 0).toBe(Math.sign(difference));
      expect(x! >= START).toBe(true);
    }),
  );
});

test("R3: a cursor of another client, and any other text, is refused", () => {
  const cursor = toCursor(sequenceAt(packSequence(1, 77), 3), cursorTag("acme/u1"));
  expect(fromCursor(cursor, cursorTag("acme/u1"))).toBe(cursor.slice(0, 19));
  expect(fromCursor(cursor, cursorTag("acme/u2"))).toBeUndefined();
  for (const wrong of ["", "0", cursor.toUpperCase(), `${cursor}0`, "é".repeat(25)]) {
    expect(fromCursor(wrong, cursorTag("acme/u1"))).toBeUndefined();
  }
});
