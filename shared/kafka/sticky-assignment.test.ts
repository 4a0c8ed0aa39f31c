import fc from "fast-check";
import { expect, test } from "vitest";
import { shareOut } from "./sticky-assignment.ts";

const partitions = Array.from({ length: 12 }, (_, index) => index);

test("every partition has one owner and the shares differ by one at most, whatever the members say they had", () => {
  const before = fc.dictionary(fc.stringMatching(/^m[0-9]{1,2}$/), fc.array(fc.nat(14)), { minKeys: 1, maxKeys: 15 });
  fc.assert(
    fc.property(before, (owned) => {
      const shares = [...shareOut(partitions, new Map(Object.entries(owned))).values()];
      expect(shares.flat().sort((a, b) => a - b)).toEqual(partitions);
      const sizes = shares.map((share) => share.length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});

test("a third member takes a third, and nothing moves between the first two", () => {
  const two = shareOut(
    partitions,
    new Map([
      ["a", []],
      ["b", []],
    ]),
  );
  const three = shareOut(partitions, new Map([...two, ["c", []]]));
  for (const member of ["a", "b"]) {
    expect(three.get(member)).toHaveLength(4);
    expect(two.get(member)).toEqual(expect.arrayContaining(three.get(member)!));
  }
});
