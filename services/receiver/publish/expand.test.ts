import { nameOf, problemOf } from "@saasaparilla/shared/http/problem.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { unavailable, unknownOutcome } from "./append-problems.ts";
import { expand, gather } from "./expand.ts";
import { MAX_AMPLIFIED_BYTES } from "./item-cost.ts";
import type { Item } from "./item.ts";
import { parse } from "./parse.ts";

const LIMITS = { MAX_DATA_BYTES: 65_536, MAX_BATCH_ITEMS: 1_000 };
const read = (value: unknown): Item[] => parse("application/json", Buffer.from(JSON.stringify(value)), LIMITS);
const verdict = ({ outcome }: Item): string => (typeof outcome === "object" ? nameOf(outcome) : outcome);
const clients = (count: number): string[] => Array.from({ length: count }, (_, n) => `u${n}`);

test("an item for clients becomes one for each, in order, with the data of the item", () => {
  const items = read([
    { to: { client: "a" }, data: 1 },
    { to: { clients: ["c", "b"] }, data: 2, event: "e", collapse: "k" },
    { to: { clients: ["d"] }, data: 3, delay: 5 },
    { to: { queue: "q" }, data: 4 },
  ]);
  const sent = expand(items);
  expect(sent.map(({ published, payload }) => [published!.to, payload.toString()])).toEqual([
    [{ client: "a" }, "1"],
    [{ client: "c" }, "2"],
    [{ client: "b" }, "2"],
    [{ clients: ["d"] }, "3"],
    [{ queue: "q" }, "4"],
  ]);
  expect(sent[1]).toMatchObject({ published: { event: "e" }, options: items[1]!.options, cost: 1 });
  expect(items.map(({ cost }) => cost)).toEqual([1, 2, 1, 1]);
});

test("plain items are sent as they are, without a copy", () => {
  const items = read([{ to: { client: "a" }, data: 1 }]);
  expect(expand(items)).toBe(items);
});

test("an item is accepted only if all its parts are, and unavailable only if none can be in Kafka", () => {
  const part = fc.constantFrom("accepted" as const, unavailable(), unknownOutcome());
  const item = fc.record({ many: fc.boolean(), parts: fc.array(part, { minLength: 1, maxLength: 4 }) });
  fc.assert(
    fc.property(fc.array(item, { minLength: 1, maxLength: 5 }), (made) => {
      const items = read(
        made.map(({ many, parts }) => ({ to: many ? { clients: clients(parts.length) } : { client: "a" }, data: 1 })),
      );
      const sent = expand(items);
      const outcomes = made.flatMap(({ many, parts }) => (many ? parts : parts.slice(0, 1)));
      sent.forEach((one, index) => (one.outcome = outcomes[index]!));
      gather(items, sent);
      expect(items.map(verdict)).toEqual(
        made.map(({ many, parts }) => {
          const kinds = new Set((many ? parts : parts.slice(0, 1)).map((outcome) => verdict({ outcome } as Item)));
          return kinds.size === 1 ? [...kinds][0] : "outcome-unknown";
        }),
      );
    }),
  );
});

test("an item that was refused or repeated is not expanded", () => {
  const items = read([
    { to: { clients: ["a", "b"] }, data: 1 },
    { to: { clients: ["a", "b"] }, data: 2 },
  ]);
  items[0]!.outcome = "repeated";
  items[1]!.outcome = problemOf("client-full");
  expect(expand(items)).toBe(items);
});

test("clients times bytes have a bound for the request, beyond which an item is refused alone", () => {
  const data = "x".repeat(8_000);
  const [fits, beyond, small] = read([
    { to: { clients: clients(1_000) }, data },
    { to: { clients: clients(100) }, data },
    { to: { clients: clients(2) }, data: 1 },
  ]);
  expect([verdict(fits!), verdict(beyond!), verdict(small!)]).toEqual(["open", "too-large", "open"]);
  expect(beyond!.outcome).toMatchObject({
    status: 413,
    errors: [
      { pointer: "/1/to/clients", expected: `at most ${MAX_AMPLIFIED_BYTES} bytes for all clients of a request` },
    ],
  });
  expect(beyond!.cost).toBe(8);
  // Small data has overhead of its own for each client.
  const many = read(Array.from({ length: 100 }, () => ({ to: { clients: clients(1_000) }, data: 1 })));
  expect(many.filter((item) => verdict(item) === "open")).toHaveLength(Math.floor(MAX_AMPLIFIED_BYTES / 101_000));
});
