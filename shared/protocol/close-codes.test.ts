import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { CloseCodes } from "./close-codes.ts";

test("R30: PROTOCOL.md has the same codes, reasons and orders to reconnect", async () => {
  const text = await readFile(new URL("../../PROTOCOL.md", import.meta.url), "utf8");
  const rows = text.matchAll(/^\| (\d{4}) \| ([^|]+) \| (\w+) \|$/gm);
  const written = Array.from(rows, ([, code, reason, reconnect]) => ({ code: Number(code), reason, reconnect }));
  expect(written).toEqual(Object.values(CloseCodes));
});

test("R30: no two closes share a code", () => {
  const codes = Object.values(CloseCodes).map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
});
