import { expect, test } from "vitest";
import { randomIds } from "./random-uuids.ts";

test("ids are unique UUIDs of version 4 (RFC 9562)", () => {
  const ids = randomIds(1_000);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(ids).size).toBe(1_000);
  // Every variable digit takes every value, at every place.
  for (let at = 0; at < 36; at += 1) {
    const digits = new Set(ids.map((id) => id[at]));
    expect(digits.size).toBe(at === 14 || [8, 13, 18, 23].includes(at) ? 1 : at === 19 ? 4 : 16);
  }
  expect(randomIds(0)).toEqual([]);
});
