import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { backing } from "#local/stores/backing.ts";
import { comparison, Figures, pairs, table, type Figure } from "#bench/results/figures.ts";
import { topOf, type Profile } from "#bench/results/profiler.ts";
import { readOptions, USAGE, WrongOptions, type Options } from "./options.ts";
import { chart } from "#bench/results/chart.ts";
import { closePlatforms, measureServicesOf } from "#bench/load/platform.ts";
import { baseline, commitOf, keep, writeReport, type Report } from "#bench/results/report.ts";
import { beginTurns, joinTurns, startOther } from "#bench/results/interleave.ts";
import { largeWorks, onceWorks, works } from "#bench/scenarios/catalog.ts";

/**
 * `just bench`: see options.ts. The table of figures goes to stdout, and progress to stderr. A comparison in turns has
 * two processes of this file: the first one forks the second.
 */
const pictureFile = join(import.meta.dirname, "../docs/internals/performance.svg");
const FUNCTIONS = 15;

const known = { ...works, ...largeWorks, ...onceWorks };
const options = optionsOf(process.argv.slice(2));
const { runs, seconds, quick, against, beside, services } = options;
const second = process.send !== undefined;

// The second process inherits the addresses of the stores.
if (!second) Object.assign(process.env, await backing());
// A signal ends all services and leaves nothing in the stores. A second signal ends this process at once.
let ending: Promise<void> | undefined;
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    ending ??= closePlatforms().finally(() => process.exit(130));
  });
const [loadBefore = 0] = loadavg();
if (loadBefore > 1 && !second)
  console.error(`The machine is already busy (load ${loadBefore.toFixed(1)}): figures will be worse.`);

if (services !== undefined) measureServicesOf(services);
const turns = second ? await joinTurns() : undefined;
const other = startBeside();
/** Two platforms of the same code keep a difference while they live. So in turns, each pair of runs has new ones. */
const platforms = second || other ? runs : 1;
const size = {
  divisor: quick ? 10 : 1,
  runs: quick ? 1 : runs / platforms,
  seconds: quick ? 2 : seconds,
  profile: options.profile ? printProfile : undefined,
};
const figures = new Figures();
for (const name of options.works) {
  await ending;
  beginTurns();
  const started = performance.now();
  try {
    const measured = new Figures();
    for (let platform = 0; platform < platforms; platform += 1) await known[name]!(measured, name, size);
    figures.all.push(...measured.all);
    console.error(`✓ ${name}${second ? ", there" : ""}  ${((performance.now() - started) / 1e3).toFixed(0)} s`);
  } catch (error) {
    await ending;
    // A failed benchmark has no valid figures. The other benchmarks still have.
    console.error(`✗ ${name}${second ? ", there" : ""}:`, error);
    process.exitCode = 1;
  }
}

const report: Report = {
  machine: { processor: cpus()[0]?.model ?? "", cores: cpus().length, node: process.version },
  measured: {},
  figures: quick ? figures.all.map((figure) => ({ ...figure, quick: true })) : figures.all,
};
if (report.figures.length > 0) console.log(table(report.figures));
if (other) {
  const { measured, failed } = await other.figures();
  if (failed) process.exitCode = 1;
  if (beside === undefined) report.there = [...measured];
  console.log(
    beside === undefined
      ? `\n"there" is ${against!}, "here" is ${services ?? "this checkout"}.`
      : `\n"there" is ${beside}, "here" is ${options.works[0]!}.`,
  );
  // Compared figures need the same name.
  console.log(
    pairs(beside === undefined ? measured : measured.map((it) => ({ ...it, work: options.works[0]! })), report.figures),
  );
  if (beside !== undefined) report.figures.push(...measured);
}
for (const { work } of report.figures)
  report.measured[work] = { on: new Date().toISOString().slice(0, 10), commit: commitOf(services), loadBefore };
if (options.compare) console.log(`\n${compared(baseline().figures.filter((figure) => !figure.quick))}`);
if (options.json !== undefined) writeReport(options.json, report);
if (options.save) {
  const measured = keep(report).filter((figure) => !figure.quick);
  if (measured.length > 0) writeFileSync(pictureFile, chart(measured));
}
turns?.tell(figures.all);

function optionsOf(args: string[]): Options {
  try {
    const read = readOptions(args, {
      works: Object.keys(works),
      large: [...Object.keys(largeWorks), ...Object.keys(onceWorks)],
      once: Object.keys(onceWorks),
    });
    if (!read.help) return read;
    console.log(
      `${USAGE}\nBenchmarks:\n${Object.keys(known)
        .map((name) => `  ${name}`)
        .join("\n")}`,
    );
    process.exit(0);
  } catch (error) {
    if (!(error instanceof WrongOptions)) throw error;
    console.error(`${error.message}\nSee npx just bench --help.`);
    process.exit(1);
  }
}

function startBeside() {
  const same = [`--runs=${runs}`, `--seconds=${seconds}`];
  if (against !== undefined)
    return startOther(import.meta.filename, [...options.works, ...same, `--services=${against}`]);
  if (beside !== undefined)
    return startOther(import.meta.filename, [
      beside,
      ...same,
      ...(services === undefined ? [] : [`--services=${services}`]),
    ]);
  return undefined;
}

function compared(before: Figure[]): string {
  return before.some(({ work }) => options.works.includes(work))
    ? comparison(before, report.figures)
    : "There are no saved figures to compare with. Save some on an idle machine: npx just bench --save";
}

function printProfile(kind: string, profile: Profile): void {
  console.log(`\n${kind}, self time:`);
  for (const { name, percent } of topOf(profile, FUNCTIONS))
    console.log(`${percent.toFixed(1).padStart(6)} %  ${name}`);
}
