import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseOptions } from "#local/process/parse-options.ts";
import { brokenLinks } from "./links.ts";
import { readability, type Readability } from "./readability.ts";
import { vale } from "./vale.ts";

/**
 * Measures the documents, follows inner links, and runs Vale. `--files`: a line for each. `--long`: each long sentence.
 */
const { files, long } = parseOptions("npx just prose [--files] [--long]", {
  options: { files: { type: "boolean" }, long: { type: "boolean" } },
}).values;

const repository = resolve(import.meta.dirname, "../..");
const MEASURED = ["README.md", "CONTRIBUTING.md", "PROTOCOL.md", "docs/**/*.md"];
/** These follow their folders' own conventions: only their links are checked. */
const LINKED = ["client/README.md", "charts/*/README.md"];

/** Limits of style: the median sentence, the share of long ones, and how often the text addresses the reader. */
const BOUNDS = { median: 15, long: 8, you: 6 };

const paths = (patterns: string[]): string[] => globSync(patterns, { cwd: repository }).toSorted();
const read = (path: string): string => readFileSync(join(repository, path), "utf8");
const print = (text: string): void => void process.stdout.write(`${text}\n`);

const documents = paths(MEASURED).map((path) => ({ path, markdown: read(path) }));
const all = readability(documents.map(({ markdown }) => markdown));

if (files) for (const { path, markdown } of documents) print(`${path.padEnd(58)} ${line(readability([markdown]))}`);
if (long)
  for (const { path, markdown } of documents)
    for (const { line: at, words, text } of readability([markdown]).longSentences)
      print(`${path}:${at}: ${words} words: ${text}`);
print(`prose: ${line(all)}`);

const wrong = [
  ...(all.median > BOUNDS.median
    ? [`The median sentence has ${all.median} words; at most ${BOUNDS.median} are allowed.`]
    : []),
  ...(all.longShare > BOUNDS.long
    ? [
        `${percent(all.longShare)} of sentences have over 30 words; at most ${BOUNDS.long} % may. See: npx just prose --long`,
      ]
    : []),
  ...(all.longCells > BOUNDS.long
    ? [
        `${percent(all.longCells)} of sentences in tables have over 30 words; at most ${BOUNDS.long} % may. See: npx just prose --long`,
      ]
    : []),
  ...(all.you < BOUNDS.you
    ? [`"you" and "your" are ${all.you.toFixed(1)} of 1,000 words; at least ${BOUNDS.you} are expected.`]
    : []),
  ...brokenLinks(repository, [...documents.map(({ path }) => path), ...paths(LINKED)]),
  ...vale(
    repository,
    documents.map(({ path }) => path),
  ),
];
for (const text of wrong) process.stderr.write(`✗ ${text}\n`);
if (wrong.length > 0) process.exitCode = 1;

function line({ median, longShare, longCells, you, words }: Readability): string {
  return `median ${median} words, ${percent(longShare)} over 30 (tables ${percent(longCells)}), you/your ${you.toFixed(1)} in 1,000 of ${words} words`;
}

function percent(share: number): string {
  return `${share.toFixed(1)} %`;
}
