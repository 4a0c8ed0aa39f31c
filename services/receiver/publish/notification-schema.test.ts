import fc from "fast-check";
import { expect, test } from "vitest";
import { isPlain, notificationSchema } from "./notification-schema.ts";

const client = fc.oneof(fc.stringMatching(/^[a-z0-9/]{0,140}$/), fc.string(), fc.jsonValue());
const name = fc.constantFrom("to", "data", "id", "ttl", "event", "client", "__proto__", "constructor", "x");
const near = fc.oneof(
  fc.record({ to: fc.record({ client }), data: fc.jsonValue() }),
  fc.record({ to: fc.record({ client }) }),
  fc.record({ to: fc.jsonValue(), data: fc.jsonValue() }),
  fc.dictionary(name, fc.oneof(fc.record({ client }), fc.dictionary(name, client), fc.jsonValue())),
  fc.jsonValue(),
);

test("the schema accepts unchanged every item that skips the schema", () => {
  let plain = 0;
  fc.assert(
    fc.property(near, (made) => {
      const value = JSON.parse(JSON.stringify(made)) as unknown;
      if (!isPlain(value)) return;
      plain += 1;
      expect(notificationSchema.parse(value)).toStrictEqual(value);
    }),
    { numRuns: 5_000 },
  );
  expect(plain).toBeGreaterThan(100);
});
