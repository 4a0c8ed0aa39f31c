import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Failure } from "#runtime/errors.ts";
import { START } from "./notification.ts";
import { checkNotification, Kind, notificationBody, readAck, readDeliver, readPack, readMessage } from "./pack.ts";
import { writeOptions } from "./options.ts";
import { PackWriter } from "./pack-writer.ts";

function bodiesOf(record: Buffer): Buffer[] {
  const bodies: Buffer[] = [];
  readPack(record, (_, body, index) => {
    checkNotification(body, index);
    bodies.push(body);
  });
  return bodies;
}

test("a pack reads back as written, and the body is forwarded unchanged", () => {
  const text = fc.stringMatching(/^[a-z0-9][a-z0-9.]{0,29}$/);
  const item = fc.record({
    key: text.map((client) => `acme/${client}`),
    uuid: fc.uuid(),
    ttl: fc.nat(2 ** 32 - 1),
    event: fc.option(text, { nil: "" }),
    traceparent: fc.constantFrom("", `00-${"a".repeat(32)}-${"b".repeat(16)}-01`),
    data: fc.json(),
  });
  const writer = new PackWriter(16);
  fc.assert(
    fc.property(fc.array(item, { minLength: 1, maxLength: 20 }), (items) => {
      for (const { uuid, data, ...rest } of items)
        writer.notification({ ...rest, id: uuid, payload: Buffer.from(data) });
      const bodies = bodiesOf(writer.take());
      expect(bodies).toHaveLength(items.length);
      bodies.forEach((body, index) => {
        const { uuid, data, ...rest } = items[index]!;
        expect({ id: notificationBody.id(body), payload: notificationBody.payload(body).toString() }).toEqual({
          id: uuid,
          payload: data,
        });
        expect({
          key: notificationBody.key(body),
          ttl: notificationBody.ttl(body),
          event: notificationBody.event(body),
          traceparent: notificationBody.traceparent(body),
        }).toEqual(rest);
        const deliver = {
          incarnation: 2 ** 47 + 5,
          session: 2 ** 31 + 7,
          partition: 511,
          generation: 2 ** 41,
          appended: 1.8e12,
          prev: START,
          sequence: "0".repeat(18) + "1",
          body,
        };
        writer.deliver(deliver);
        readPack(writer.take(), (_, routed) => expect(readDeliver(routed)).toEqual({ kind: Kind.DELIVER, ...deliver }));
      });
    }),
  );
});

test("acknowledgements and signals read back, even if the buffer grew for them", () => {
  const writer = new PackWriter(16);
  writer.ack(9, START, "acme/u1");
  writer.signal({ type: "invite", client: "acme/ü" });
  const read: unknown[] = [];
  readPack(writer.take(), (kind, body) => read.push(kind === Kind.ACK ? readAck(body) : readMessage(body)));
  expect(read).toEqual([
    { kind: Kind.ACK, session: 9, sequence: START, key: "acme/u1" },
    { type: "invite", client: "acme/ü" },
  ]);
});

test("any mutation of a pack's bytes is a pack or a rejection", () => {
  const writer = new PackWriter();
  writer.notification({ key: "acme/u1", id: randomUUID(), event: "e", payload: Buffer.from("{}") });
  writer.notification({ key: "acme/u2", id: randomUUID(), payload: Buffer.from("[1]") });
  const record = writer.take();
  fc.assert(
    fc.property(fc.nat(record.length - 1), fc.nat(255), fc.nat(record.length), (at, byte, length) => {
      const mutant = Buffer.from(record.subarray(0, length));
      if (at < mutant.length) mutant[at] = byte;
      try {
        bodiesOf(mutant);
      } catch (error) {
        expect(error).toBeInstanceOf(Failure);
        expect((error as Failure).kind).toBe("reject");
      }
    }),
    { numRuns: 2000 },
  );
});

test("the bit of a followed notification travels with every field, and sets the flag `sampled`", () => {
  const trace = `00-${"a".repeat(32)}-${"b".repeat(16)}`;
  const writer = new PackWriter(16);
  const options = writeOptions({ collapse: "k" });
  for (const followed of [true, false])
    for (const bytes of [undefined, options])
      for (const traceparent of ["", `${trace}-00`, `${trace}-02`]) {
        const payload = Buffer.from("1");
        writer.notification({
          key: "acme/u1",
          id: randomUUID(),
          event: "e",
          traceparent,
          followed,
          options: bytes,
          payload,
        });
        const [body] = bodiesOf(writer.take());
        const written = notificationBody.traceparent(body!);
        const flags = Number.parseInt(traceparent.slice(-2), 16) | (followed ? 1 : 0);
        expect(written).toBe(traceparent === "" ? "" : `${trace}-0${flags}`);
        expect(notificationBody.followed(body!)).toBe(followed);
        expect([notificationBody.key(body!), notificationBody.event(body!)]).toEqual(["acme/u1", "e"]);
        expect(notificationBody.options(body!)).toEqual(bytes && { collapse: "k" });
        expect(notificationBody.payload(body!).toString()).toBe("1");
      }
});
