import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { brokenLinks } from "./links.ts";

function broken(documents: Record<string, string>): string[] {
  const folder = mkdtempSync(join(tmpdir(), "links-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(documents)) writeFileSync(join(folder, name), text);
  return brokenLinks(folder, Object.keys(documents));
}

test("links to existing files and headings are good", () => {
  const text = "# A `b`, (c)\n\n[one](#a-b-c) [two](b.md) [three](b.md#again-1) [out](https://example.org/x#y)\n";
  expect(broken({ "a.md": text, "b.md": "# Again\n\n# Again\n" })).toEqual([]);
});

test("missing files and headings are named with their document", () => {
  expect(broken({ "a.md": "[x](no.md) [y](b.md#no)", "b.md": "# Yes\n" })).toEqual([
    "a.md: no.md is not there.",
    "a.md: b.md has no heading #no.",
  ]);
});

test("a link inside a block of code does not count", () => {
  expect(broken({ "a.md": "```\n[x](no.md)\n```\n" })).toEqual([]);
});
