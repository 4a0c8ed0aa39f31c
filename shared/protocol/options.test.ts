import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { optionsProblem, readOptions, writeOptions, type NotificationOptions } from "./options.ts";
import { checkNotification, Kind, notificationBody, readPack } from "./pack.ts";
import { PackWriter } from "./pack-writer.ts";
import { readPublication, recipientId, type PublicationHead } from "./publication.ts";

const ID = "3f0e7a52-6c1d-4f4b-9a57-0f5f6d1c2b3a";
const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$/);
const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
const options = fc.record(
  {
    headers: fc
      .dictionary(fc.string({ minLength: 1, maxLength: 20 }), scalar, { maxKeys: 32 })
      .map((it) => JSON.stringify(it)),
    collapse: name,
    outcomes: name,
  },
  { requiredKeys: [] },
);

function bodyWith(given: NotificationOptions | undefined): Buffer {
  const writer = new PackWriter();
  const payload = Buffer.from('{"a":1}');
  const bytes = given && writeOptions(given);
  writer.notification({
    key: "acme/u1",
    id: ID,
    event: "e",
    traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01`,
    options: bytes,
    payload,
  });
  let found: Buffer | undefined;
  readPack(writer.take(), (_, body) => (found = body));
  return found!;
}

describe("options of a notification", () => {
  it("come back as they were written, and change no other field", () => {
    fc.assert(
      fc.property(options, (given) => {
        const body = bodyWith(given);
        checkNotification(body, 0);
        expect(notificationBody.options(body)).toEqual(given);
        expect(notificationBody.payload(body).toString()).toBe('{"a":1}');
        expect(notificationBody.key(body)).toBe("acme/u1");
        expect(notificationBody.traceparent(body)).toMatch(/^00-1+-2+-01$/);
        expect(notificationBody.event(body)).toBe("e");
      }),
    );
  });

  it("are absent from a notification without any", () => {
    expect(notificationBody.options(bodyWith(undefined))).toBeUndefined();
    expect(notificationBody.hasOptions(bodyWith(undefined))).toBe(false);
  });

  it("skip a type that this version does not know", () => {
    const unknown = Buffer.from([9, 0, 1, 0xff]);
    const bytes = Buffer.concat([unknown, writeOptions({ outcomes: "results" })]);
    expect(optionsProblem(bytes)).toBeUndefined();
    expect(readOptions(bytes)).toEqual({ outcomes: "results" });
  });

  it.each([
    ["a value that is cut off", Buffer.from([2, 0, 5, 65])],
    ["a header that is cut off", Buffer.from([2, 0])],
    ["headers that are a list", writeOptions({ headers: "[1]" })],
    ["headers with an object inside", writeOptions({ headers: '{"a":{}}' })],
    ["headers on two lines", writeOptions({ headers: '{"a":\n1}' })],
    ["headers that are not JSON", writeOptions({ headers: "{" })],
    ["a collapse key with a space", writeOptions({ collapse: "a b" })],
    ["a retract without a key", writeOptions({ retract: true })],
    ["outcomes for a queue with a slash", writeOptions({ outcomes: "a/b" })],
  ])("are refused with %s", (_, bytes) => {
    expect(optionsProblem(bytes)).toBeDefined();
  });

  it("are refused when their length passes the end of the item", () => {
    const body = bodyWith({ collapse: "k" });
    const cut = body.subarray(0, body.length - 10);
    expect(() => checkNotification(cut, 0)).toThrow(/item 0/);
  });
});

describe("a publication", () => {
  it("comes back as it was written", () => {
    const head: PublicationHead = { id: ID, tenant: "acme", publisher: "shop", to: { group: "all" }, delay: 5 };
    const writer = new PackWriter();
    writer.publication({ head, payload: Buffer.from('"é"') });
    readPack(writer.take(), (kind, body) => {
      expect(kind).toBe(Kind.PUBLICATION);
      expect(readPublication(body)).toEqual({ head, payload: Buffer.from('"é"') });
    });
  });

  it("is refused when it is cut off", () => {
    expect(() => readPublication(Buffer.from([0, 0, 0, 9, 1]))).toThrow("cut off");
  });

  it("gives each recipient an id of its own, the same each time", () => {
    const first = recipientId(ID, "acme/u1");
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(recipientId(ID.toUpperCase(), "acme/u1")).toBe(first);
    expect(recipientId(ID, "acme/u2")).not.toBe(first);
  });
});
