import fc from "fast-check";
import { expect, test } from "vitest";
import { stickyAssignment } from "./sticky-assignment.ts";

const partitions = Array.from({ length: 12 }, (_, index) => index);

test("every partition has one owner, and shares differ by at most one, for any earlier owners", () => {
  const before = fc.dictionary(fc.stringMatching(/^m[0-9]{1,2}$/), fc.array(fc.nat(14)), { minKeys: 1, maxKeys: 15 });
  fc.assert(
    fc.property(before, (owned) => {
      const shares = [...stickyAssignment(partitions, new Map(Object.entries(owned))).values()];
      expect(shares.flat().sort((a, b) => a - b)).toEqual(partitions);
      const sizes = shares.map((share) => share.length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});

test("a third member takes a third, and nothing moves between the first two", () => {
  const two = stickyAssignment(
    partitions,
    new Map([
      ["a", []],
      ["b", []],
    ]),
  );
  const three = stickyAssignment(partitions, new Map([...two, ["c", []]]));
  for (const member of ["a", "b"]) {
    expect(three.get(member)).toHaveLength(4);
    expect(two.get(member)).toEqual(expect.arrayContaining(three.get(member)!));
  }
});
