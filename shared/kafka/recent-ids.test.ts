import { expect, test } from "vitest";
import { RecentIds } from "./recent-ids.ts";

const id = (n: number): string => String(n).padStart(16, "0");

test("R51: an id is a repeat for its own client only, even if another client's publisher chose the same one", () => {
  const recent = new RecentIds();
  expect(recent.repeated(id(1), "acme/a")).toBe(false);
  expect(recent.repeated(id(1), "acme/b")).toBe(false);
  expect(recent.repeated(id(1), "acme/a")).toBe(true);
  expect(recent.repeated(id(1), "acme/b")).toBe(true);
  expect(recent.repeated(id(1), "globex/a")).toBe(false);
});

test("R51: an id of two clients is remembered for both", () => {
  const recent = new RecentIds();
  recent.repeated(id(1), "acme/a");
  for (let n = 2; n <= 16_384; n += 1) recent.repeated(id(n), "acme/a");
  expect(recent.repeated(id(1), "acme/b")).toBe(false);
  for (let n = 20_000; n < 36_383; n += 1) recent.repeated(id(n), "acme/a");
  expect(recent.repeated(id(1), "acme/b")).toBe(true);
});

test("an id is remembered for 16,384 to 32,768 notifications", () => {
  const recent = new RecentIds();
  for (let n = 0; n < 16_384; n += 1) recent.repeated(id(n), "acme/a");
  expect(recent.repeated(id(0), "acme/a")).toBe(true);
  for (let n = 16_384; n < 32_768; n += 1) recent.repeated(id(n), "acme/a");
  expect(recent.repeated(id(0), "acme/a")).toBe(false);
  expect(recent.repeated(id(32_767), "acme/a")).toBe(true);
});
