import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { capacity } from "./capacity.ts";
import { written } from "./document.ts";

const document = readFileSync(join(import.meta.dirname, "../../docs/guides/sizing.md"), "utf8");

test("the plans in docs/guides/sizing.md are current; else: npx just capacity --document", () => {
  const asked: string[] = [];
  const now = written(document, (args) => {
    asked.push(args.join(" "));
    return capacity(args);
  });
  expect(now).toBe(document);
  expect(asked).toHaveLength(4);
});

test("a block is replaced by the output for its flags, and all other text stays", () => {
  const block = (text: string): string => `a\n<!-- just capacity --x 1 -->\n\n\`\`\`text\n${text}\n\`\`\`\n\nb\n`;
  const before = `${block("old\nlines")}${block("$&")}`.replace("$&\n", "");
  expect(written(before, (args) => `$1 ${args.join("|")}`)).toBe(`${block("$1 --x|1")}${block("$1 --x|1")}`);
});
