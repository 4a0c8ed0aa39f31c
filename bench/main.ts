import { existsSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { backing } from "../compose/local/backing.ts";
import { comparison, Figures, pairs, table, type Figure } from "./figures.ts";
import { topOf, type Profile } from "./inspect.ts";
import { picture } from "./picture.ts";
import { closePlatforms, measureServicesOf } from "./platform.ts";
import { baseline, keep, writeReport, type Report } from "./report.ts";
import { beginTurns, joinTurns, startOther } from "./turns.ts";
import { largeWorks, works } from "./works.ts";

/**
 * just bench [WORK...] [--runs N] [--seconds N] [--quick] [--compare] [--against DIR] [--save] [--json FILE] [--profile]. A work is
 * named by its name, or several by a part of theirs.
 * The figures go to standard output, as a table; what went on, to standard error.
 */
const pictureFile = join(import.meta.dirname, "../docs/performance.svg");
const FUNCTIONS = 15;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string" },
    seconds: { type: "string", default: "8" },
    quick: { type: "boolean", default: false },
    compare: { type: "boolean", default: false },
    save: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    json: { type: "string" },
    against: { type: "string" },
    // Whose services are measured, if not this checkout's.
    services: { type: "string" },
  },
});
// Of fewer than six pairs none can say anything.
values.runs ??= values.against === undefined ? "3" : "8";
for (const name of ["runs", "seconds"] as const) {
  if (Number(values[name]) >= 1) continue;
  console.error(`--${name} is ${JSON.stringify(values[name])}, and no number from 1 on.`);
  process.exit(1);
}
const known = { ...works, ...largeWorks };
const chosen =
  positionals.length === 0
    ? Object.keys(works)
    : Object.keys(known).filter((name) =>
        positionals.some((part) => (part in known ? name === part : name.includes(part))),
      );
if (chosen.length === 0) {
  console.error(`There is no such work. These are there:\n${Object.keys(known).join("\n")}`);
  process.exit(1);
}
const wrong = values.against === undefined ? undefined : whyNotAgainst(values.against);
if (wrong !== undefined) {
  console.error(wrong);
  process.exit(1);
}
Object.assign(process.env, await backing());
// An end by a signal leaves no service behind, and nothing in the stores; a second one is not waited for.
let ending: Promise<void> | undefined;
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    ending ??= closePlatforms().finally(() => process.exit(130));
  });
const [loadBefore = 0] = loadavg();
if (loadBefore > 1)
  console.error(`The machine is busy already (load ${loadBefore.toFixed(1)}): figures will be worse.`);

const size = {
  divisor: values.quick ? 10 : 1,
  runs: values.quick ? 1 : Number(values.runs),
  seconds: values.quick ? 2 : Number(values.seconds),
  profile: values.profile ? printProfile : undefined,
};
const there = process.send ? ", there" : "";
if (values.services !== undefined) measureServicesOf(values.services);
const turns = process.send ? await joinTurns() : undefined;
const other =
  values.against === undefined
    ? undefined
    : startOther(import.meta.filename, [
        ...chosen,
        `--runs=${size.runs}`,
        `--seconds=${size.seconds}`,
        `--services=${resolve(values.against)}`,
      ]);
const figures = new Figures();
for (const name of chosen) {
  await ending;
  beginTurns();
  const started = performance.now();
  try {
    const measured = new Figures();
    await known[name]!(measured, name, size);
    figures.all.push(...measured.all);
    console.error(`✓ ${name}${there}  ${((performance.now() - started) / 1e3).toFixed(0)} s`);
  } catch (error) {
    await ending;
    // What it had measured is not what was meant. The others are worth having all the same.
    console.error(`✗ ${name}${there}:`, error);
    process.exitCode = 1;
  }
}

const report: Report = {
  machine: { processor: cpus()[0]?.model ?? "", cores: cpus().length, node: process.version, loadBefore },
  figures: values.quick ? figures.all.map((figure) => ({ ...figure, quick: true })) : figures.all,
};
if (report.figures.length > 0) console.log(table(report.figures));
if (other) {
  const { measured, failed } = await other.figures();
  if (failed) process.exitCode = 1;
  console.log(`\nThere is ${resolve(values.against!)}, here ${values.services ?? "this checkout"}.`);
  console.log(pairs(measured, report.figures));
}
if (values.compare) console.log(`\n${compared(baseline().figures.filter(({ quick }) => !quick))}`);
if (values.json !== undefined) writeReport(values.json, report);
if (values.save) {
  const measured = keep(report).filter(({ quick }) => !quick);
  if (measured.length > 0) writeFileSync(pictureFile, picture(measured));
}
turns?.tell(figures.all);

function whyNotAgainst(folder: string): string | undefined {
  const there = (path: string): boolean => existsSync(join(folder, "services/provision", path));
  if (!there("main.ts")) return `--against is ${JSON.stringify(folder)}, where no checkout of this project is.`;
  if (!there("node_modules")) return `The packages of ${folder} are not installed: npm start there, once.`;
  if (values.quick)
    return "--quick measures nothing, and so there is nothing to compare. Say --runs 6 --seconds 2 for a short one.";
  return undefined;
}

function compared(before: Figure[]): string {
  const known = before.some(({ work }) => chosen.includes(work));
  return known
    ? comparison(before, report.figures)
    : "Nothing is kept to compare this with. On an idle machine: npx just bench --save";
}

function printProfile(kind: string, profile: Profile): void {
  console.log(`\n${kind}, self time:`);
  for (const { name, percent } of topOf(profile, FUNCTIONS))
    console.log(`${percent.toFixed(1).padStart(6)} %  ${name}`);
}
