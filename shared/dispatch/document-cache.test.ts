import { expect, test } from "vitest";
import { DocumentCache } from "./document-cache.ts";
import type { Exchange } from "./exchange.ts";

const row = (id: string, value: unknown, kind = "exchange") => ({ kind, tenant: "acme", id, value });
const fanout = (queue: string) => ({ type: "fanout", bindings: [{ to: { queue } }] });
const routed = (cache: DocumentCache, id: string) => (cache.exchange("acme", id) as Exchange).route({});

test("an exchange is compiled once for each version of its document", () => {
  const cache = new DocumentCache();
  expect(cache.loaded).toBe(false);
  cache.apply([row("e", fanout("a"))], true);
  expect(cache.loaded).toBe(true);
  expect(cache.exchange("acme", "e")).toBe(cache.exchange("acme", "e"));
  expect(routed(cache, "e")).toEqual([{ queue: "a" }]);
  cache.apply([row("e", fanout("b"))], false);
  expect(routed(cache, "e")).toEqual([{ queue: "b" }]);
  cache.apply([row("e", null)], false);
  expect(cache.exchange("acme", "e")).toBeUndefined();
});

test("a document of a later version is unreadable, not missing", () => {
  const cache = new DocumentCache();
  cache.apply([row("e", { ...fanout("a"), shards: 4 }), row("s", {}, "source"), row("q", {}, "queue")], true);
  expect(cache.exchange("acme", "e")).toBe("unreadable");
  expect(cache.find("queue", "acme", "q")).toEqual({ claimSeconds: 30 });
  expect(cache.unknown).toBe(2);
  cache.apply([row("e", fanout("a")), row("s", null, "source")], false);
  expect(cache.unknown).toBe(0);
});

test("a full read replaces everything, and followers hear of each change", () => {
  const cache = new DocumentCache();
  const heard: unknown[] = [];
  cache.follow((places, anew) => heard.push([places.map(({ id }) => id), anew]));
  cache.apply([row("e", fanout("a"))], true);
  cache.apply([row("f", fanout("a"))], true);
  expect(cache.exchange("acme", "e")).toBeUndefined();
  expect(heard).toEqual([
    [["e"], true],
    [["f"], true],
  ]);
});
