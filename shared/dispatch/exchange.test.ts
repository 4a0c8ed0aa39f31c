import { expect, test } from "vitest";
import { documentSchemas } from "./documents.ts";
import { Exchange } from "./exchange.ts";

const exchange = (document: object): Exchange => new Exchange(documentSchemas.exchange.parse(document));
const [a, b, rest] = [{ queue: "a" }, { group: "b" }, { queue: "rest" }];

test("a direct exchange routes by the key, and what no binding matches goes to the fallback", () => {
  const found = exchange({
    type: "direct",
    bindings: [
      { key: "de", to: a },
      { key: "de", to: b },
      { key: "fr", to: b, name: "france" },
    ],
    fallback: rest,
  });
  expect(found.route({ key: "de" })).toEqual([a, b]);
  expect(found.route({ key: "fr" })).toEqual([b]);
  for (const routed of [{ key: "es" }, {}, { headers: { key: "de" } }]) expect(found.route(routed)).toEqual([rest]);
  expect(found.explain({ key: "fr" })).toEqual([
    { index: 0, matches: false, why: 'the key "fr" is not "de"', to: a },
    { index: 1, matches: false, why: 'the key "fr" is not "de"', to: b },
    { index: 2, name: "france", matches: true, why: "the key is equal", to: b },
  ]);
  expect(found.explain({})[0]!.why).toBe("it has no key");
});

test("a fanout reaches each recipient once", () => {
  const found = exchange({ type: "fanout", bindings: [{ to: a }, { to: b }, { to: a }] });
  expect(found.route({})).toEqual([a, b]);
});

test("a headers exchange routes by rules, and publications without headers go to the fallback", () => {
  const bindings = [
    { headers: { country: { $ne: "DE" } }, to: a },
    { headers: { vip: true }, to: b },
  ];
  const found = exchange({ type: "headers", bindings, fallback: rest });
  expect(found.route({ headers: { country: "FR" } })).toEqual([a]);
  expect(found.route({ headers: { country: "FR", vip: true } })).toEqual([a, b]);
  expect(found.route({ headers: { country: "DE" } })).toEqual([rest]);
  for (const headers of [{}, undefined]) expect(found.route({ key: "vip", headers })).toEqual([rest]);
  expect(exchange({ type: "headers", bindings }).route({})).toEqual([]);
});
