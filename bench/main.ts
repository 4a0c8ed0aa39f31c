import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { backing } from "../compose/local/backing.ts";
import { comparison, Figures, table, type Figure } from "./figures.ts";
import { topOf, type Profile } from "./inspect.ts";
import { picture } from "./picture.ts";
import { works } from "./works.ts";

/**
 * just bench [WORK...] [--runs N] [--seconds N] [--quick] [--compare] [--save] [--json FILE] [--profile]. A work is named by a part of its name.
 * The figures go to standard output, as a table; what went on, to standard error.
 */
const baselineFile = join(import.meta.dirname, "baseline.json");
const pictureFile = join(import.meta.dirname, "../docs/performance.svg");
const FUNCTIONS = 15;

interface Report {
  machine: { processor: string; cores: number; node: string; loadBefore: number };
  figures: Figure[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "3" },
    seconds: { type: "string", default: "8" },
    quick: { type: "boolean", default: false },
    compare: { type: "boolean", default: false },
    save: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    json: { type: "string" },
  },
});
const chosen = Object.keys(works).filter(
  (name) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
);
if (chosen.length === 0) {
  console.error(`There is no such work. These are there:\n${Object.keys(works).join("\n")}`);
  process.exit(1);
}
Object.assign(process.env, await backing());
// An end by a signal is an exit all the same, at which no service is left behind.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
const [loadBefore = 0] = loadavg();
if (loadBefore > 1)
  console.error(`The machine is busy already (load ${loadBefore.toFixed(1)}): figures will be worse.`);

const size = {
  divisor: values.quick ? 10 : 1,
  runs: values.quick ? 1 : Number(values.runs),
  seconds: values.quick ? 2 : Number(values.seconds),
  profile: values.profile ? printProfile : undefined,
};
const figures = new Figures();
for (const name of chosen) {
  const started = performance.now();
  try {
    await works[name]!(figures, name, size);
    console.error(`✓ ${name}  ${((performance.now() - started) / 1e3).toFixed(0)} s`);
  } catch (error) {
    // The others are worth having all the same.
    console.error(`✗ ${name}:`, error);
    process.exitCode = 1;
  }
}

const report: Report = {
  machine: { processor: cpus()[0]?.model ?? "", cores: cpus().length, node: process.version, loadBefore },
  figures: figures.all,
};
console.log(table(report.figures));
if (values.compare) console.log(`\n${compared(baseline().figures)}`);
if (values.json !== undefined) writeFileSync(values.json, lines(report));
if (values.save) {
  // A part of the works replaces that part.
  const measured = new Set(report.figures.map(({ work }) => work));
  const kept = baseline().figures.filter(({ work }) => !measured.has(work));
  const all = [...kept, ...report.figures];
  writeFileSync(baselineFile, lines({ ...report, figures: all }));
  writeFileSync(pictureFile, picture(all));
}

function compared(before: Figure[]): string {
  const known = before.some(({ work }) => chosen.includes(work));
  return known
    ? comparison(before, report.figures)
    : "Nothing is kept to compare this with. On an idle machine: just bench --save";
}

function baseline(): Report {
  return JSON.parse(readFileSync(baselineFile, "utf8")) as Report;
}

/** One figure a line, so that a change of one is a change of one line. */
function lines({ machine, figures: all }: Report): string {
  const each = all.map((figure) => `    ${JSON.stringify(figure)}`).join(",\n");
  return `{\n  "machine": ${JSON.stringify(machine)},\n  "figures": [\n${each}\n  ]\n}\n`;
}

function printProfile(kind: string, profile: Profile): void {
  console.log(`\n${kind}, self time:`);
  for (const { name, percent } of topOf(profile, FUNCTIONS))
    console.log(`${percent.toFixed(1).padStart(6)} %  ${name}`);
}
