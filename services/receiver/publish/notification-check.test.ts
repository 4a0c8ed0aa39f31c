import fc from "fast-check";
import { expect, test } from "vitest";
import { check } from "./notification-check.ts";
import { isPlain, notificationSchema, PLACES, retractionSchema } from "./notification-schema.ts";

const pointers = (value: unknown): string[] => check(value)?.errors.map(({ pointer }) => pointer) ?? [];
const to = { client: "u1" };

test.for([
  [{ to: { clients: ["a", "b"] }, data: 1 }],
  [{ to: { group: "team-a" }, data: null }],
  [{ to: { queue: "changes" }, data: 1, event: "e", ttl: 5 }],
  [{ to: { exchange: "orders", key: "eu.shipped" }, data: 1 }],
  [{ to: { exchange: "orders" }, data: 1, headers: { region: "eu", n: 1.5, ok: true, none: null } }],
  [{ to, data: 1, at: "2026-12-24T09:00:00.5+01:00", outcomes: "done" }],
  [{ to, data: 1, at: "2028-02-29t23:59:60z" }],
  [{ to, data: 1, delay: 0, collapse: "order/17" }],
  [{ to, collapse: "order/17", retract: true }],
])("%j is valid", ([value]) => expect(check(value)).toBeUndefined());

test.for([
  [{ to: {}, data: 1 }, ["/to"], true],
  [{ to: { client: "a", group: "b" }, data: 1 }, ["/to"], false],
  [{ to: { client: "a", key: "b" }, data: 1 }, ["/to/key"], true],
  [{ to: { clients: [] }, data: 1 }, ["/to/clients"], false],
  [{ to: { clients: ["a", "b", "a"] }, data: 1 }, ["/to/clients/2"], false],
  [{ to: { clients: ["a", "b c", 3] }, data: 1 }, ["/to/clients/1", "/to/clients/2"], true],
  [{ to: { clients: Array.from({ length: 1_001 }, (_, n) => `u${n}`) }, data: 1 }, ["/to/clients"], false],
  [{ to: { group: "-a" }, data: 1 }, ["/to/group"], false],
  [{ to: { queue: "x".repeat(101) }, data: 1 }, ["/to/queue"], false],
  [{ to: { exchange: "a", key: "b c" }, data: 1 }, ["/to/key"], false],
  [{ to, data: 1, headers: { a: {}, b: [] } }, ["/headers/a", "/headers/b"], true],
  [{ to, data: 1, headers: { "a b": 1 } }, ["/headers/a b"], false],
  [{ to, data: 1, headers: { $ne: 1 } }, ["/headers/$ne"], false],
  [{ to, data: 1, headers: { a: 2 ** 53 } }, ["/headers/a"], false],
  [{ to, data: 1, headers: { a: "x".repeat(8_200) } }, ["/headers"], false],
  [
    { to, data: 1, headers: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`h${n}`, n])) },
    ["/headers"],
    false,
  ],
  [{ to, data: 1, headers: JSON.parse('{"__proto__":1}') as unknown }, ["/headers/__proto__"], false],
  [{ to, data: 1, at: "2026-12-24T09:00:00" }, ["/at"], false],
  [{ to, data: 1, at: "2026-02-30T09:00:00Z" }, ["/at"], false],
  [{ to, data: 1, at: 1_790_000_000 }, ["/at"], true],
  [{ to, data: 1, at: "2026-12-24T09:00:00Z", delay: 5 }, ["/delay"], false],
  [{ to, data: 1, delay: 365 * 86_400 + 1 }, ["/delay"], false],
  [{ to, data: 1, delay: -1 }, ["/delay"], false],
  [{ to, data: 1, collapse: "a b" }, ["/collapse"], false],
  [{ to, retract: true }, ["/collapse"], true],
  [{ to, retract: true, collapse: "a", data: null }, ["/retract"], false],
  [{ to, retract: false, collapse: "a" }, ["/retract"], false],
  [{ to, collapse: "a" }, ["/data"], true],
  [{ to, data: 1, outcomes: "a/b" }, ["/outcomes"], false],
] as const)("%j is wrong at %j", ([value, at, shape]) => {
  expect(pointers(value)).toEqual(at);
  const wrong = check(value)!;
  expect([wrong.shape, wrong.errorCount]).toEqual([shape, at.length]);
  for (const error of wrong.errors) {
    for (const text of [error.detail, error.expected, error.fix]) expect(text).toMatch(/^\S.{3,}\S$/s);
    expect(error.detail.length).toBeLessThan(200);
  }
});

test("each member of the schemas has its expected value and a fix", () => {
  for (const member of Object.keys({ ...notificationSchema.shape, ...retractionSchema.shape }))
    expect(Object.keys(PLACES)).toContain(`/${member}`);
});

const name = fc.oneof(
  fc.stringMatching(/^[a-z0-9]{1,5}$/),
  fc.constantFrom("", "a b", "ä", "__proto__", "x".repeat(130)),
  fc.jsonValue(),
);
const target = fc.oneof(
  fc.record(
    { client: name, clients: fc.array(name), group: name, queue: name, exchange: name, key: name },
    { requiredKeys: [] },
  ),
  fc.jsonValue(),
);
const times = fc.constantFrom("2026-12-24T09:00:00Z", "2026-02-30T09:00:00Z", "tomorrow", 5);
const members = {
  to: target,
  data: fc.jsonValue(),
  id: fc.oneof(fc.uuid(), name),
  ttl: fc.oneof(fc.integer(), name),
  event: name,
  headers: fc.oneof(fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 1 })), name),
  at: times,
  delay: fc.oneof(fc.nat(), name),
  collapse: name,
  retract: fc.oneof(fc.boolean(), name),
  outcomes: name,
};

test("what the check accepts, one of the documented schemas accepts unchanged", () => {
  const seen = { valid: 0, wrong: 0 };
  const valid = {
    to: fc.oneof(fc.constant(to), target),
    data: fc.constant(1),
    event: fc.constant("e"),
    delay: fc.nat(9),
  };
  const any = fc.oneof(fc.record(members, { requiredKeys: [] }), fc.record(valid, { requiredKeys: ["to", "data"] }));
  fc.assert(
    fc.property(any, (made) => {
      const value = JSON.parse(JSON.stringify(made)) as object;
      const wrong = check(value);
      const schema = "retract" in value ? retractionSchema : notificationSchema;
      if (wrong) {
        seen.wrong += 1;
        expect(isPlain(value)).toBe(false);
        expect(wrong.errors.length).toBeGreaterThan(0);
        return;
      }
      seen.valid += 1;
      expect(schema.parse(value)).toStrictEqual(value);
    }),
    { numRuns: 3_000 },
  );
  expect(Math.min(seen.valid, seen.wrong)).toBeGreaterThan(200);
});
