import { expect, test } from "vitest";
import { capacity } from "./capacity.ts";
import { usage } from "./input.ts";

const SMALL = ["--rate", "1", "--clients", "1"];

test("a plan marks extrapolation above the largest measured payload", () => {
  const note = "Up to 2,000 bytes of data were measured: the cost of a larger --payload is extrapolated.";
  expect(capacity([...SMALL, "--payload", "2000"])).not.toContain("extrapolated");
  expect(capacity([...SMALL, "--payload", "2001"]).split("\n")).toContain(note);
  expect(JSON.parse(capacity([...SMALL, "--payload", "2001", "--json"]))).toMatchObject({
    notes: expect.arrayContaining([note]),
  });
});

test("--help prints the usage, with any other flags", () => {
  expect(capacity(["--help"])).toBe(usage());
  expect(capacity(["--rate", "no", "--help"])).toBe(usage());
});
